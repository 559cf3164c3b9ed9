//! The same numbers for every number of threads, and at every run.

use pleach::nn::functional;
use pleach::prelude::*;

/// Trains a small convolutional net and returns every parameter and buffer.
fn train() -> Result<Vec<Vec<u32>>> {
    manual_seed(7);
    let net = sequential![
        Conv2d::builder(3, 24, 3).padding(1).build()?,
        BatchNorm2d::new(24),
        ReLU::new(),
        MaxPool2d::new(2),
        Conv2d::builder(24, 24, 3).groups(4).build()?,
        AvgPool2d::new(2),
        Conv2d::builder(24, 24, 3).padding(1).groups(24).build()?,
        AdaptiveAvgPool2d::new(2),
        Flatten::new(),
        Dropout::new(0.3),
        Linear::new(96, 10),
    ];
    let mut optimizer = SGD::builder(net.parameters())
        .lr(0.05)
        .momentum(0.9)
        .weight_decay(1e-3)
        .build()?;
    for _ in 0..3 {
        let x = Tensor::randn([16, 3, 22, 22]);
        let labels = Tensor::arange(16).remainder(10)?;
        optimizer.zero_grad();
        let loss = functional::cross_entropy(
            &net.call(&x)?,
            &labels,
            functional::CrossEntropyOptions::new()
                .reduction(functional::Reduction::Mean)
                .label_smoothing(0.1),
        )?;
        loss.backward()?;
        optimizer.step()?;
    }
    net.state_dict()
        .values()
        .filter(|t| t.dtype() == DType::F32)
        .map(|t| Ok(t.to_vec::<f32>()?.into_iter().map(f32::to_bits).collect()))
        .collect()
}

#[test]
fn training_gives_the_same_bits_for_every_number_of_threads() -> Result<()> {
    let results: Vec<_> = [1, 2, 5, 2]
        .into_iter()
        .map(|threads| {
            pleach::set_num_threads(threads);
            train()
        })
        .collect::<Result<_>>()?;
    assert!(results[0].iter().flatten().any(|bits| *bits != 0));
    assert!(results.iter().all(|r| *r == results[0]));
    Ok(())
}

#[test]
fn large_products_and_sums_give_the_same_bits_for_every_number_of_threads() -> Result<()> {
    manual_seed(1);
    let (a, b) = (Tensor::randn([257, 700]), Tensor::randn([700, 131]));
    let big = Tensor::randn([1 << 20]);
    let run = |threads| -> Result<(Vec<f32>, Vec<f32>, f64)> {
        pleach::set_num_threads(threads);
        Ok((
            a.matmul(&b)?.to_vec()?,
            big.view([1024, 1024])?.sum_dim(0, false)?.to_vec()?,
            big.sum()?.item()?,
        ))
    };
    let one = run(1)?;
    assert_eq!(run(2)?, one);
    assert_eq!(run(3)?, one);
    Ok(())
}
