//! Fits a noisy curve, and stops when the loss on held-out points falls no more. What is kept are
//! the weights of the best epoch, not of the last.

use pleach::prelude::*;

/// So many epochs without a better loss are the end.
const PATIENCE: usize = 40;

type Points = DataLoader<Subset<Items<(Tensor, Tensor)>>>;

/// The mean squared error over all points of a loader.
fn evaluate(net: &Sequential, points: &Points) -> Result<f64> {
    net.eval();
    let (mut sum, mut count) = (0.0, 0);
    for batch in points {
        let (x, y) = batch?;
        let guess = no_grad(|| net.call(&x))?;
        sum += (guess - &y).square()?.sum()?.item()?;
        count += y.numel();
    }
    Ok(sum / count as f64)
}

fn main() -> Result<()> {
    manual_seed(0);

    // Few points and much noise: a network of this size learns them by heart.
    let x = Tensor::rand([90, 1]) * 4.0 - 2.0;
    let y = (&x * 2.0).sin()? + Tensor::randn([90, 1]) * 0.3;
    let points = (0..90)
        .map(|i| Ok((x.index(i)?, y.index(i)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut parts = random_split(Items(points), &[60, 30])?.into_iter();
    let mut part = || parts.next().expect("there are two parts");
    let train = DataLoader::builder(part())
        .batch_size(20)
        .shuffle(true)
        .build()?;
    let held_out = DataLoader::builder(part()).batch_size(30).build()?;

    let net = sequential![
        Linear::new(1, 64),
        Tanh::new(),
        Linear::new(64, 64),
        Tanh::new(),
        Linear::new(64, 1),
    ];
    let criterion = MSELoss::new();
    let mut optimizer = Adam::builder(net.parameters()).lr(1e-2).build()?;

    // A state dict holds values: training goes on without changing it.
    let mut best = (f64::INFINITY, 0, net.state_dict());
    let mut last = 0;
    for epoch in 1..=1000 {
        net.train();
        for batch in &train {
            let (x, y) = batch?;
            optimizer.zero_grad();
            criterion.call(&net.call(&x)?, &y)?.backward()?;
            optimizer.step()?;
        }
        let loss = evaluate(&net, &held_out)?;
        last = epoch;
        if loss < best.0 {
            best = (loss, epoch, net.state_dict());
        } else if epoch - best.1 >= PATIENCE {
            break;
        }
    }
    let (loss, epoch, state) = best;
    let at_the_end = evaluate(&net, &held_out)?;
    net.load_state_dict(&state, true)?;
    let restored = evaluate(&net, &held_out)?;
    println!("stopped after epoch {last}; the best was epoch {epoch}");
    println!("held-out loss: {at_the_end:.4} at the end, {restored:.4} restored");

    assert!(last < 1000, "it should have stopped early");
    assert_eq!(restored, loss, "the best weights are back");
    assert!(restored < at_the_end);
    // The noise alone has a variance of 0.09, the curve of 0.5.
    assert!(restored < 0.15, "held-out loss {restored}");
    Ok(())
}
