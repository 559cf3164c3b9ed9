//! Sums that keep their digits: scans, means and variances. Expected numbers are PyTorch 2.15's, or
//! exact.

use pleach_core::{DType, Result, Tensor, tensor};

#[test]
fn running_sums_accumulate_in_double_as_pytorchs_do() -> Result<()> {
    let sums = Tensor::full([3808], 0.7624).cumsum(0)?.to_vec::<f32>()?;
    assert_eq!(
        (sums[10], sums[1000], sums[3807]),
        (8.386399, 763.16235, 2903.219)
    );
    let columns = Tensor::full([3000, 2], 0.1).cumsum(0)?.to_vec::<f32>()?;
    assert_eq!(columns[5998..], [300.0, 300.0]);
    let rows = Tensor::full([2, 3000], 0.1).cumsum(-1)?.to_vec::<f32>()?;
    assert_eq!((rows[2999], rows[5999]), (300.0, 300.0));
    // The gradient is a running sum from the other end.
    let x = Tensor::zeros([3808]).requires_grad_(true)?;
    x.cumsum(0)?.backward_with(&Tensor::full([3808], 0.7624))?;
    let grad = x.grad().map(|g| g.to_vec::<f32>()).transpose()?;
    assert_eq!(grad.map(|g| g[0]), Some(2903.219));
    Ok(())
}

#[test]
fn the_variance_of_equal_values_is_exactly_0_and_so_are_the_gradients() -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        for value in [0.01, 0.1, 1e-30, 1e20, -3.3] {
            for shape in [vec![7], vec![10], vec![4097], vec![70_001], vec![3, 5, 7]] {
                let x = Tensor::full_of(&shape[..], value, dtype).requires_grad_(true)?;
                let (var, std) = (x.var()?, x.std()?);
                assert_eq!((var.item()?, std.item()?), (0.0, 0.0), "{value} {shape:?}");
                var.add(&std)?.backward()?;
                let grad = x.grad().map(|g| g.to_vec_f64()).unwrap_or_default();
                assert!(grad.iter().all(|g| *g == 0.0), "{value} {shape:?}");
            }
        }
        let x = Tensor::full_of([6, 5, 7], 0.7, dtype);
        for dims in [vec![0], vec![1], vec![2], vec![0, 2], vec![0, 1]] {
            for correction in [0.0, 1.0] {
                let var = x.var_dim(dims.clone(), correction, false)?.to_vec_f64();
                assert!(var.iter().all(|v| *v == 0.0), "{dims:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn deviations_are_computed_in_double() -> Result<()> {
    // The variance of these is beyond f32, its root is not.
    let x = tensor![3e38, 3e38, 1.0];
    assert_eq!(x.var()?.item()?, f64::INFINITY);
    assert_eq!(x.std()?.to_vec::<f32>()?, [1.7320508e38]);
    // A mean far from 0 costs no digits: the values lie 1/16 apart.
    let near: Vec<f32> = (0..1000).map(|i| 4096.0 + (i % 2) as f32 / 16.0).collect();
    let var = Tensor::from_vec(near, [1000])?.var_dim(0, 0.0, false)?;
    assert_eq!(var.item()?, 1.0 / 1024.0);
    Ok(())
}

#[test]
fn too_few_values_for_a_deviation_give_pytorchs_numbers() -> Result<()> {
    let grad = |f: &dyn Fn(&Tensor) -> Result<Tensor>| -> Result<(f64, Vec<f32>)> {
        let x = tensor![1., 2., 4.].requires_grad_(true)?;
        let y = f(&x)?;
        y.backward()?;
        Ok((
            y.item()?,
            x.grad().map_or(Ok(Vec::new()), |g| g.to_vec::<f32>())?,
        ))
    };
    let (std, g) = grad(&|x| x.std_dim(0, 4.0, false))?;
    assert_eq!((std, g), (f64::INFINITY, vec![0.0; 3]));
    let (var, g) = grad(&|x| x.var_dim(0, 4.0, false))?;
    assert_eq!(
        (var, g),
        (f64::INFINITY, vec![2.6666665, 0.6666665, -3.3333335])
    );
    assert!(tensor![5.0].var()?.item()?.is_nan());
    assert_eq!(tensor![5.0].var_dim(0, 0.0, false)?.item()?, 0.0);
    assert!(Tensor::zeros([0]).var()?.item()?.is_nan());
    Ok(())
}

#[test]
fn long_sums_are_as_good_as_the_type() -> Result<()> {
    let n = 1_000_003;
    let values: Vec<f32> = (0..n)
        .map(|i| (i * 7919 % 10_007) as f32 / 10_007.0)
        .collect();
    let exact: f64 = values.iter().map(|v| *v as f64).sum();
    let squares: f64 = values.iter().map(|v| (*v as f64).powi(2)).sum();
    let x = Tensor::from_vec(values, [n])?;
    let close = |got: Tensor, exact: f64, ulps: f64| -> Result<()> {
        let off = (got.item()? - exact).abs() / exact;
        assert!(off <= ulps * f32::EPSILON as f64 / 2.0, "{off:e}");
        Ok(())
    };
    close(x.sum()?, exact, 4.0)?;
    close(x.mean()?, exact / n as f64, 4.0)?;
    close(x.norm()?, squares.sqrt(), 4.0)?;
    close(x.cumsum(0)?.select(0, -1)?, exact, 1.0)?;
    let mean = exact / n as f64;
    close(x.var()?, (squares - exact * mean) / (n - 1) as f64, 1.0)?;
    Ok(())
}

#[test]
fn an_infinity_is_where_it_belongs_in_the_gradient_of_a_variance() -> Result<()> {
    let x = tensor![[f32::INFINITY, 1., 2.], [0.5, 0.5, 0.5]].requires_grad_(true)?;
    let var = x.var_dim(1, 1.0, false)?;
    assert!(var.to_vec::<f32>()?[0].is_nan());
    var.sum()?.backward()?;
    let grad = x.grad().map_or(Ok(Vec::new()), |g| g.to_vec::<f32>())?;
    assert!(grad[0].is_nan());
    assert_eq!(
        grad[1..],
        [f32::NEG_INFINITY, f32::NEG_INFINITY, 0., 0., 0.]
    );
    Ok(())
}
