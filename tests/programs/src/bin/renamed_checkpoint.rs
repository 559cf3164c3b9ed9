//! A checkpoint of PyTorch whose names are not ours and whose head has other classes: renamed,
//! loaded, given a new head and fine-tuned.
//!
//! `data/make_sectors.py` wrote it: a network in `DataParallel` that tells in which eighth of the
//! plane a point lies. Beside the weights it holds a few points and what PyTorch's body made of
//! them.

use pleach::checkpoint::KeyMap;
use pleach::prelude::*;

#[derive(Module)]
struct Net {
    body: Sequential,
    head: Linear,
}

impl Net {
    fn new(classes: usize) -> Self {
        Net {
            body: sequential![
                Linear::new(2, 32),
                BatchNorm1d::new(32),
                ReLU::new(),
                Linear::new(32, 32),
                BatchNorm1d::new(32),
                ReLU::new(),
            ],
            head: Linear::new(32, classes),
        }
    }
}

impl Forward for Net {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.head.call(&self.body.call(x)?)
    }
}

/// Points of the plane, and whether the sign of their coordinates agrees.
fn quadrants(count: usize) -> Result<(Tensor, Tensor)> {
    let x = Tensor::randn([count, 2]);
    let label = x.prod_dim(1, false)?.gt(0.0)?.long()?;
    Ok((x, label))
}

fn main() -> Result<()> {
    manual_seed(0);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/sectors.pth");
    let checkpoint = load(path)?;
    println!("{checkpoint}");
    let saved = checkpoint.get("model")?.state_dict()?;

    // module.features.lin1.weight and so on become body.0.weight; the head stays behind.
    let mapped = KeyMap::new()
        .strip_prefix("module.")
        .rename("features.lin1.*", "body.0.*")
        .rename("features.norm1.*", "body.1.*")
        .rename("features.lin2.*", "body.3.*")
        .rename("features.norm2.*", "body.4.*")
        .drop("classifier.*")
        .apply(&saved)?;
    let net = Net::new(2);
    let report = net.load_matching(&mapped.state)?;
    println!("{report}");
    assert_eq!(report.missing_keys, ["head.weight", "head.bias"]);
    assert!(report.unexpected_keys.is_empty() && report.mismatched.is_empty());
    assert_eq!(mapped.dropped.len(), 2);

    // The body computes what it computed in PyTorch.
    net.eval();
    let probe = checkpoint.get("probe")?.as_tensor()?;
    let expected = checkpoint.get("features")?.as_tensor()?;
    let features = no_grad(|| net.body.call(probe))?;
    assert!(features.allclose(expected, 1e-5, 1e-6)?);

    // A few points are enough for the new head.
    net.body.freeze();
    let (x, labels) = quadrants(64)?;
    let criterion = CrossEntropyLoss::new();
    let mut optimizer = AdamW::builder(net.head.parameters()).lr(0.05).build()?;
    for step in 1..=60 {
        net.train();
        optimizer.zero_grad();
        let loss = criterion.call(&net.call(&x)?, &labels)?;
        loss.backward()?;
        optimizer.step()?;
        if step % 20 == 0 {
            println!("step {step}: {:.4}", loss.item()?);
        }
    }

    net.eval();
    let (x, labels) = quadrants(1000)?;
    let guesses = no_grad(|| net.call(&x))?.argmax_dim(1, false)?;
    let accuracy = guesses.eq(&labels)?.float()?.mean()?.item()?;
    println!("accuracy on new points: {accuracy:.3}");
    assert!(accuracy > 0.9, "accuracy {accuracy}");
    Ok(())
}
