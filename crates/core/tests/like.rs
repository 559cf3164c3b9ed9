//! Tensors "like this one" of tensors whose elements share memory or have gaps: PyTorch's order of
//! strides, and with it the same random numbers, bit for bit.

use pleach_core::{Result, Tensor, manual_seed};

fn counting(n: usize, shape: &[usize]) -> Tensor {
    let values: Vec<f32> = (1..=n).map(|i| i as f32).collect();
    Tensor::from_vec(values, shape).unwrap()
}

/// A column that is repeated, a turned matrix that is repeated, a repeated number.
fn expanded() -> Result<[Tensor; 3]> {
    Ok([
        counting(4, &[4, 1]).expand([4i64, 3])?,
        counting(12, &[4, 3])
            .t()?
            .unsqueeze(0)?
            .expand([2i64, 3, 4])?,
        counting(1, &[]).expand([2i64, 3])?,
    ])
}

#[test]
fn the_order_of_strides_is_pytorchs() -> Result<()> {
    let [column, turned, number] = expanded()?;
    assert_eq!(column.zeros_like().strides(), [3, 1]);
    assert_eq!(turned.ones_like().strides(), [12, 1, 3]);
    assert_eq!(number.full_like(2.0).strides(), [3, 1]);
    let every_second = counting(48, &[6, 8]).as_strided([4, 3], [2, 16], 0)?;
    assert_eq!(every_second.zeros_like().strides(), [1, 4]);
    Ok(())
}

#[test]
fn random_numbers_are_pytorchs() -> Result<()> {
    let [column, turned, number] = expanded()?;
    let draw = |f: &dyn Fn() -> Result<Tensor>| -> Result<Vec<f32>> {
        manual_seed(3);
        f()?.to_vec::<f32>()
    };
    let uniform = [
        0.0042635202,
        0.10556936,
        0.28584248,
        0.02695483,
        0.47161436,
        0.06011629,
    ];
    assert_eq!(draw(&|| column.rand_like())?[..6], uniform);
    assert_eq!(draw(&|| number.rand_like())?, uniform);
    assert_eq!(
        draw(&|| turned.rand_like())?[..7],
        [
            0.0042635202,
            0.02695483,
            0.77186584,
            0.88785666,
            0.10556936,
            0.47161436,
            0.7436994
        ]
    );
    assert_eq!(
        draw(&|| column.randn_like())?[..4],
        [0.80327606, 0.17483339, 0.0889781, -0.61371803]
    );
    // Not row-major, so not the path for blocks of 16.
    assert_eq!(
        draw(&|| turned.randn_like())?[..4],
        [0.80327606, -0.61371803, 0.3374951, 0.9774318]
    );
    assert_eq!(
        draw(&|| turned.randint_like(0, 10))?[..12],
        [6., 7., 0., 9., 8., 0., 5., 4., 7., 0., 1., 1.]
    );
    let probable = turned.mul(0.0)?.add(0.5)?;
    assert_eq!(
        draw(&|| {
            let mut coins = turned.zeros_like();
            coins.bernoulli_(0.5)?;
            Ok(coins)
        })?[..12],
        [1., 1., 1., 0., 1., 0., 1., 1., 0., 0., 1., 0.]
    );
    assert_eq!(
        draw(&|| probable.bernoulli())?[..12],
        [1., 1., 1., 1., 1., 1., 0., 0., 0., 0., 1., 0.]
    );
    let every_second = counting(48, &[6, 8]).as_strided([4, 3], [2, 16], 0)?;
    assert_eq!(
        draw(&|| every_second.rand_like())?[..6],
        [
            0.0042635202,
            0.47161436,
            0.5944212,
            0.10556936,
            0.06011629,
            0.88785666
        ]
    );
    Ok(())
}
