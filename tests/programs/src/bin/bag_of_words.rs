//! A text classifier on a bag of words: the embeddings of a sentence's words, averaged, and a
//! linear layer.

use std::collections::HashMap;

use pleach::prelude::*;

const PRAISE: [&str; 6] = ["good", "lovely", "bright", "clever", "warm", "funny"];
const BLAME: [&str; 6] = ["bad", "dull", "weak", "clumsy", "cold", "boring"];
const NEUTRAL: [&str; 8] = [
    "the", "film", "was", "and", "plot", "actors", "music", "very",
];

/// A sentence of three to eight words, and whether it praises (1) or blames (0).
fn sentence() -> Result<(String, i64)> {
    let pick = |words: &[&'static str]| -> Result<&'static str> {
        Ok(words[Tensor::randint(0, words.len() as i64, [1])?.item()? as usize])
    };
    let praises = Tensor::rand([1]).item()? < 0.5;
    let length = Tensor::randint(3, 9, [1])?.item()? as usize;
    let mut words = vec![pick(if praises { &PRAISE } else { &BLAME })?];
    for _ in 1..length {
        words.push(pick(&NEUTRAL)?);
    }
    Ok((words.join(" "), praises as i64))
}

#[derive(Module)]
struct Classifier {
    embedding: EmbeddingBag,
    fc: Linear,
}

impl ForwardMany for Classifier {
    type Arguments<'a> = (&'a Tensor, &'a Tensor);
    type Output = Tensor;

    fn forward(&self, (tokens, offsets): Self::Arguments<'_>) -> Result<Tensor> {
        self.fc
            .call(&self.embedding.call((tokens, Some(offsets), None))?)
    }
}

/// Words to numbers; 0 is for words that nobody has seen.
struct Vocabulary(HashMap<String, i64>);

impl Vocabulary {
    fn of(sentences: &[(String, i64)]) -> Self {
        let mut words = HashMap::new();
        for word in sentences
            .iter()
            .flat_map(|(text, _)| text.split_whitespace())
        {
            let next = words.len() as i64 + 1;
            words.entry(word.to_string()).or_insert(next);
        }
        Vocabulary(words)
    }

    /// Sentences of different lengths one after the other, where each begins, and the labels.
    fn batch(&self, sentences: &[(String, i64)]) -> Result<(Tensor, Tensor, Tensor)> {
        let (mut tokens, mut offsets, mut labels) = (vec![], vec![], vec![]);
        for (text, label) in sentences {
            offsets.push(tokens.len() as i64);
            tokens.extend(
                text.split_whitespace()
                    .map(|w| *self.0.get(w).unwrap_or(&0)),
            );
            labels.push(*label);
        }
        let vector = |numbers: Vec<i64>| {
            let length = numbers.len();
            Tensor::from_vec(numbers, [length])
        };
        Ok((vector(tokens)?, vector(offsets)?, vector(labels)?))
    }
}

fn main() -> Result<()> {
    manual_seed(0);
    let sentences = (0..600).map(|_| sentence()).collect::<Result<Vec<_>>>()?;
    let (train, test) = sentences.split_at(500);
    let vocabulary = Vocabulary::of(train);
    println!("{:?}; {} words", train[0], vocabulary.0.len());

    let net = Classifier {
        embedding: EmbeddingBag::new(vocabulary.0.len() + 1, 16),
        fc: Linear::new(16, 2),
    };
    let criterion = CrossEntropyLoss::new();
    let mut optimizer = SGD::builder(net.parameters()).lr(1.0).build()?;
    for epoch in 1..=10 {
        let mut total = 0.0;
        for chunk in train.chunks(25) {
            let (tokens, offsets, labels) = vocabulary.batch(chunk)?;
            optimizer.zero_grad();
            let loss = criterion.call(&net.call((&tokens, &offsets))?, &labels)?;
            loss.backward()?;
            optimizer.step()?;
            total += loss.item()?;
        }
        println!("epoch {epoch}: {:.4}", total / 20.0);
    }

    let (tokens, offsets, labels) = vocabulary.batch(test)?;
    let guesses = no_grad(|| net.call((&tokens, &offsets)))?.argmax_dim(1, false)?;
    let accuracy = guesses.eq(&labels)?.float()?.mean()?.item()?;
    println!("accuracy on new sentences: {accuracy:.3}");
    assert!(accuracy > 0.97, "accuracy {accuracy}");

    // The order of the words does not matter, nor do words that nobody has seen alone.
    let (tokens, offsets, _) = vocabulary.batch(&[
        ("the plot was lovely".to_string(), 1),
        ("lovely was the plot".to_string(), 1),
        ("xyzzy".to_string(), 0),
    ])?;
    let y = no_grad(|| net.call((&tokens, &offsets)))?.softmax(1)?;
    println!("{y}");
    assert!(y.index((0, 1))?.item()? > 0.9);
    assert!((y.index(0)? - y.index(1)?).abs()?.max()?.item()? < 1e-6);
    Ok(())
}
