//! Attention written by hand: a small causal transformer that learns to write a word backwards.
//!
//! A sequence is `d b a | a b d`: six letters, a bar, and the letters in reverse. The network
//! predicts each next token from those before it.

use pleach::prelude::*;

const LETTERS: i64 = 8; // tokens 0 to 7; 8 is the bar
const WORD: usize = 6;
const LENGTH: usize = 2 * WORD; // the last letter needs no successor
const WIDTH: usize = 32;
const HEADS: usize = 4;

#[derive(Module)]
struct SelfAttention {
    qkv: Linear,
    out: Linear,
    /// True where a position must not look: `[LENGTH, LENGTH]`, above the diagonal.
    hidden: Buffer,
}

impl SelfAttention {
    fn new() -> Result<Self> {
        Ok(SelfAttention {
            qkv: Linear::new(WIDTH, 3 * WIDTH),
            out: Linear::new(WIDTH, WIDTH),
            hidden: Buffer::new(
                Tensor::ones([LENGTH, LENGTH])
                    .triu(1)?
                    .to_dtype(DType::Bool)?,
            ),
        })
    }
}

impl Forward for SelfAttention {
    /// `[batch, time, width]` to the same.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [batch, time, width] = x.shape().try_into().unwrap();
        // [batch, time, 3 width] to three of [batch, heads, time, width / heads].
        let qkv = self.qkv.call(x)?.chunk(3, -1)?;
        let heads = |x: &Tensor| x.view([batch, time, HEADS, width / HEADS])?.transpose(1, 2);
        let (q, k, v) = (heads(&qkv[0])?, heads(&qkv[1])?, heads(&qkv[2])?);

        let scores = q.matmul(&k.transpose(-2, -1)?)? / ((width / HEADS) as f64).sqrt();
        let hidden = self.hidden.tensor().index((..time, ..time))?;
        let weights = scores
            .masked_fill(&hidden, f64::NEG_INFINITY)?
            .softmax(-1)?;
        let y = weights
            .matmul(&v)?
            .transpose(1, 2)?
            .reshape([batch, time, width])?;
        self.out.call(&y)
    }
}

/// A layer norm, an attention, another layer norm, a small network; both around a shortcut.
#[derive(Module)]
struct Block {
    norm1: LayerNorm,
    attention: SelfAttention,
    norm2: LayerNorm,
    mlp: Sequential,
}

impl Forward for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = x + self.attention.call(&self.norm1.call(x)?)?;
        Ok(&x + self.mlp.call(&self.norm2.call(&x)?)?)
    }
}

#[derive(Module)]
struct Transformer {
    tokens: Embedding,
    positions: Embedding,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
}

impl Transformer {
    fn new() -> Result<Self> {
        let block = || -> Result<Block> {
            Ok(Block {
                norm1: LayerNorm::new(WIDTH),
                attention: SelfAttention::new()?,
                norm2: LayerNorm::new(WIDTH),
                mlp: sequential![Linear::new(WIDTH, 64), GELU::new(), Linear::new(64, WIDTH)],
            })
        };
        Ok(Transformer {
            tokens: Embedding::new(LETTERS as usize + 1, WIDTH),
            positions: Embedding::new(LENGTH, WIDTH),
            blocks: (0..2).map(|_| block()).collect::<Result<_>>()?,
            norm: LayerNorm::new(WIDTH),
            head: Linear::new(WIDTH, LETTERS as usize + 1),
        })
    }
}

impl Forward for Transformer {
    /// Tokens `[batch, time]` to logits `[batch, time, letters]`.
    fn forward(&self, tokens: &Tensor) -> Result<Tensor> {
        let time = tokens.shape()[1];
        let mut x = self.tokens.call(tokens)? + self.positions.call(&Tensor::arange(time))?;
        for block in &self.blocks {
            x = block.call(&x)?;
        }
        self.head.call(&self.norm.call(&x)?)
    }
}

/// Words `[batch, 6]`, and the whole sequences `[batch, 13]`.
fn sequences(batch: usize) -> Result<Tensor> {
    let word = Tensor::randint(0, LETTERS, [batch, WORD])?;
    let bar = Tensor::full([batch, 1], LETTERS);
    Tensor::cat(&[&word, &bar, &word.flip([1])?], 1)
}

fn main() -> Result<()> {
    manual_seed(0);
    let net = Transformer::new()?;
    println!("{} parameters", net.num_parameters());
    let criterion = CrossEntropyLoss::new();
    let mut optimizer = AdamW::builder(net.parameters())
        .lr(5e-3)
        .weight_decay(0.01)
        .build()?;

    for step in 1..=200 {
        let sequences = sequences(64)?;
        let input = sequences.index((.., ..-1))?;
        // Only what comes after the bar can be known.
        let target = sequences.index((.., WORD + 1..))?;
        let logits = net.call(&input)?.index((.., WORD..))?;
        optimizer.zero_grad();
        let loss = criterion.call(&logits.flatten(0, 1)?, &target.flatten(0, 1)?)?;
        loss.backward()?;
        optimizer.step()?;
        if step % 50 == 0 {
            println!("step {step}: {:.4}", loss.item()?);
        }
    }

    // Written letter by letter, each from the network's own answers.
    net.eval();
    let expected = sequences(200)?;
    let mut written = expected.index((.., ..WORD + 1))?;
    no_grad(|| -> Result<()> {
        for _ in 0..WORD {
            let logits = net.call(&written)?.index((.., -1))?;
            let next = logits.argmax_dim(-1, true)?;
            written = Tensor::cat(&[&written, &next], 1)?;
        }
        Ok(())
    })?;
    let right = written
        .eq(&expected)?
        .all_dim(1, false)?
        .float()?
        .mean()?
        .item()?;
    println!("words written backwards without a mistake: {right:.3}");
    assert!(right > 0.95, "{right}");

    // Nothing looks ahead: another letter at the end changes nothing before it.
    let a = expected.index((..1, ..LENGTH))?;
    let mut b = a.clone();
    b.index_put_((0, -1), (a.index((0, -1))? + 1).remainder(LETTERS)?)?;
    let (a, b) = (no_grad(|| net.call(&a))?, no_grad(|| net.call(&b))?);
    assert!(a.index((.., ..-1))?.equal(&b.index((.., ..-1))?)?);
    assert!(!a.equal(&b)?);
    Ok(())
}
