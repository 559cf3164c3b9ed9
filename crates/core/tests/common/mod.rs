//! What the gradient tests share: inputs and a table runner.

// Each test program uses a part of it.
#![allow(dead_code)]

use pleach_core::autograd::{gradcheck, gradgradcheck};
use pleach_core::{DType, Result, Tensor};

/// One row of a table: a name, an operation of some inputs, the inputs.
pub type Case = (&'static str, fn(&[Tensor]) -> Result<Tensor>, Vec<Tensor>);

/// Fixed f64 values without pattern, all at least 0.05 apart from the kinks at 0, ±0.5 and ±1 and,
/// within a tensor of up to 60 elements, at least 0.01 from each other.
pub fn input(shape: &[usize]) -> Tensor {
    spread(shape, 7)
}

/// Other values of the same kind.
pub fn other(shape: &[usize]) -> Tensor {
    spread(shape, 11)
}

/// Positive values in about `0.2 .. 1.9`.
pub fn positive(shape: &[usize]) -> Tensor {
    input(shape).abs().unwrap().add(0.15).unwrap()
}

fn spread(shape: &[usize], step: usize) -> Tensor {
    let n: usize = shape.iter().product();
    let values: Vec<f64> = (0..n)
        .map(|i| {
            // A walk over 61 places, none twice in a row of 61.
            let place = (i * step + 3) % 61;
            let x = -1.7 + 3.4 * place as f64 / 60.0;
            let kinks = [-1.0, -0.5, 0.0, 0.5, 1.0];
            match kinks.iter().find(|k| (x - **k).abs() < 0.06) {
                Some(k) if x >= *k => k + 0.06 + (x - k) / 4.0,
                Some(k) => k - 0.06 + (x - k) / 4.0,
                None => x,
            }
        })
        .collect();
    Tensor::from_vec(values, shape).unwrap()
}

/// A tensor with equal values whose memory has another order: stored transposed, with gaps.
pub fn rearranged(x: &Tensor) -> Tensor {
    if x.rank() == 0 {
        return x.clone();
    }
    let order: Vec<i64> = (0..x.rank() as i64).rev().collect();
    let turned = x.permute(&order[..]).unwrap();
    // Every second row of a larger tensor, so that strides have gaps.
    let n = turned.shape()[0];
    let mut rows = Vec::new();
    let filler = Tensor::full_of(&turned.shape()[1..], f64::NAN, DType::F64);
    let parts: Vec<Tensor> = (0..n)
        .map(|i| turned.select(0, i as i64).unwrap())
        .collect();
    for part in &parts {
        rows.push(part);
        rows.push(&filler);
    }
    if rows.is_empty() {
        return x.clone();
    }
    let gaps = Tensor::stack(&rows, 0)
        .unwrap()
        .slice_dim(0, 0, None, 2)
        .unwrap();
    let back = gaps.permute(&order[..]).unwrap();
    assert!(back.equal(x).unwrap());
    back
}

/// Checks every row: with the inputs as they are, then with rearranged ones, which must also give
/// the same result.
pub fn check(cases: Vec<Case>) {
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    for (name, f, inputs) in &cases {
        if let Err(e) = gradcheck(f, inputs) {
            failures.push(format!("{name}: {e}"));
            continue;
        }
        if let Err(e) = gradgradcheck(f, inputs) {
            failures.push(format!("{name}, twice: {e}"));
        }
        let moved: Vec<Tensor> = inputs.iter().map(rearranged).collect();
        if let Err(e) = gradcheck(f, &moved) {
            failures.push(format!("{name}, rearranged: {e}"));
        }
        let (a, b) = (f(inputs).unwrap(), f(&moved).unwrap());
        if !a.allclose(&b, 1e-13, 1e-13).unwrap() {
            failures.push(format!("{name}: {a} but rearranged {b}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

/// Names an operation and its inputs: `case!("exp", [input(&[3])], |x| x[0].exp())`.
#[macro_export]
macro_rules! case {
    ($name:expr, [$($input:expr),* $(,)?], |$x:ident| $body:expr) => {
        ($name, (|$x: &[pleach_core::Tensor]| $body) as fn(&[pleach_core::Tensor]) -> pleach_core::Result<pleach_core::Tensor>, vec![$($input),*])
    };
}
