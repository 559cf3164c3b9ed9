//! Corners of what takes, puts and reduces by positions: gradients at ties and zeros, tensors without
//! elements, refusals, changes in place. What is expected is what PyTorch 2.15 gives.

use pleach_core::{DType, Parameter, Reduce, Result, Tensor, no_grad, tensor};

const NAN: f32 = f32::NAN;

/// The gradients of `f` of two vectors, for the upstream gradient `1, 2, 3, …`.
fn gradients(
    f: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    x: &[f32],
    y: &[f32],
) -> Result<[Vec<f32>; 2]> {
    let leaf = |v: &[f32]| Tensor::from_slice(v, [v.len()])?.requires_grad_(true);
    let (x, y) = (leaf(x)?, leaf(y)?);
    let out = f(&x, &y)?;
    out.backward_with(&Tensor::arange(out.numel()).add(1.0)?.reshape(out.shape())?)?;
    let grad = |t: Tensor| t.grad().map_or(Ok(Vec::new()), |g| g.to_vec());
    Ok([grad(x)?, grad(y)?])
}

#[test]
fn ties_and_zeros_have_pytorchs_gradients() -> Result<()> {
    let (x, y, third) = ([2.0, 0.0, 5.0], [2.0, 0.0, 3.0, 2.0], 1.0 / 3.0);
    let index = tensor![0, 0, 1, 0];
    for (reduce, own, of_x, of_y) in [
        (Reduce::Amax, true, [third, 0., 3.], [third, 0., 2., third]),
        (Reduce::Amax, false, [0., 0., 3.], [third, 0., 2., third]),
        (Reduce::Amin, true, [0., 2., 3.], [0., 1., 0., 0.]),
        (Reduce::Prod, true, [0., 6., 3.], [0., 8., 0., 0.]),
        (Reduce::Prod, false, [0., 0., 3.], [0., 4., 2., 0.]),
        (Reduce::Mean, true, [0.25, 1., 3.], [0.25, 0.25, 1., 0.25]),
    ] {
        let f = |x: &Tensor, y: &Tensor| x.scatter_reduce(0, &index, y, reduce, own);
        assert_eq!(
            gradients(f, &x, &y)?,
            [of_x.to_vec(), of_y.to_vec()],
            "{reduce:?}"
        );
    }
    let none = |f: fn(&Tensor) -> Result<Tensor>, x: &[f32]| -> Result<Vec<f32>> {
        let [x, _] = gradients(|x, _| f(x), x, &[])?;
        Ok(x)
    };
    let cummax = none(|x| Ok(x.cummax(0)?.0), &[1., 3., 3., 2., 3.])?;
    assert_eq!(cummax, [1., 2., 7., 0., 5.]);
    assert_eq!(none(|x| Ok(x.cummin(0)?.0), &[1., NAN, 0.])?, [1., 5., 0.]);
    let cumprod = none(|x| x.cumprod(0), &[2., 0., 3., 0., 5.])?;
    assert_eq!(cumprod, [1., 22., 0., 0., 0.]);
    let median = none(Tensor::nanmedian, &[1., NAN, 1., 2., NAN, 0., 1.])?;
    assert_eq!(median, [third, 0., third, 0., 0., 0., third]);
    assert_eq!(none(Tensor::nanmedian, &[NAN, NAN])?, [0.5, 0.5]);
    Ok(())
}

#[test]
fn a_fill_counts_its_value_once_for_each_slice() -> Result<()> {
    let value = Tensor::scalar(2.0).requires_grad_(true)?;
    let y = tensor![1., 2., 3.].index_fill(0, &tensor![0, 0, -1], &value)?;
    assert_eq!(y.to_vec::<f32>()?, [2., 2., 2.]);
    y.sum()?.backward()?;
    assert_eq!(value.grad().map(|g| g.item()).transpose()?, Some(2.0));
    Ok(())
}

#[test]
fn tensors_without_elements() -> Result<()> {
    let (none, rows) = (Tensor::zeros([0]), Tensor::zeros([2, 0]));
    let no_index = Tensor::zeros_of([0], DType::I64);
    assert_eq!(rows.cumprod(1)?.shape(), [2, 0]);
    assert_eq!(rows.msort()?.shape(), [2, 0]);
    assert_eq!(rows.nonzero()?.shape(), [0, 2]);
    assert_eq!(Tensor::scalar(0.0).nonzero()?.shape(), [0, 0]);
    assert_eq!(Tensor::scalar(5.0).argwhere()?.shape(), [1, 0]);
    assert!(rows.nanmean_dim(1, false)?.isnan()?.all()?.item()? != 0.0);
    assert!(none.nanmedian()?.item()?.is_nan());
    assert!(none.cov(1, None, None)?.item()?.is_nan());
    assert_eq!(Tensor::zeros([0, 3]).cov(1, None, None)?.shape(), [0, 0]);
    assert_eq!(none.put(&no_index, &none, true)?.shape(), [0]);
    assert_eq!(
        none.histogram(3, None, None, false)?
            .1
            .to_vec::<f32>()?
            .len(),
        4
    );
    assert_eq!(none.histc(2, 0.0, 0.0)?.to_vec::<f32>()?, [0., 0.]);
    assert_eq!(rows.unique()?.inverse.shape(), [2, 0]);
    assert_eq!(Tensor::zeros([0, 2]).unique_dim(0)?.values.shape(), [0, 2]);
    assert_eq!(
        rows.searchsorted(Tensor::zeros([2, 3]), true, None)?
            .to_vec::<i64>()?,
        [0; 6]
    );
    let kth = Tensor::zeros([0, 3]).kthvalue(1, 1, false)?.0;
    assert_eq!(kth.shape(), [0]);
    Ok(())
}

#[test]
fn what_pytorch_refuses() {
    let (x, none) = (tensor![[0., 1., 2.], [3., 4., 5.]], Tensor::zeros([0, 3]));
    let (whole, floats) = (tensor![0, 1], tensor![0., 1.]);
    let short = |n: usize| Tensor::zeros([n, 3]);
    let refused: &[(Result<Tensor>, &str)] = &[
        (
            x.take(&tensor![6]),
            "out of range: tried to access index 6 on a tensor of 6 elements.",
        ),
        (
            none.take(&tensor![0]),
            "take(): tried to take from an empty tensor",
        ),
        (
            x.take(&floats),
            "take(): Expected a long tensor for index, but got Float",
        ),
        (
            x.put(&whole, &tensor![1.], false),
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = 1, index.numel() = 2",
        ),
        (
            x.index_fill(0, &floats, 1.0),
            "index_fill_(): Expected dtype int64 for index.",
        ),
        (
            x.index_fill(0, &tensor![-3], 1.0),
            "index -3 is out of bounds for dimension 0 with size 2",
        ),
        (
            x.index_add(0, &tensor![-1], &short(1)),
            "index -1 is out of bounds for dimension 0 with size 2",
        ),
        (
            x.index_add(0, &whole, &short(1)),
            "index_add_(): Number of indices (2) should be equal to source.size(dim): (1), for dim: 0",
        ),
        (
            x.index_reduce(0, &tensor![2], &short(1), Reduce::Amax, true),
            "index out of range in self",
        ),
        (
            x.masked_scatter(&x.gt(2.0).unwrap(), &floats),
            "Number of elements of source < number of ones in mask",
        ),
        (
            x.quantile(1.5),
            "quantile() q must be in the range [0, 1] but got 1.5",
        ),
        (
            none.quantile(0.5),
            "quantile() input tensor must be non-empty",
        ),
        (
            x.histc(3, 3.0, 1.0),
            "torch.histc: max must be larger than min",
        ),
        (
            x.histc(2, 0.0, f64::INFINITY),
            "torch.histc: range of [0, inf] is not finite",
        ),
        (
            x.bucketize(&x, false),
            "boundaries tensor must be 1 dimension, but got dim(2)",
        ),
        (
            x.cov(1, Some(&tensor![0, 0, 0]), None),
            "cov(): weights sum to zero, can't be normalized",
        ),
        (
            x.kthvalue(4, 1, false).map(|(v, _)| v),
            "kthvalue(): selected number k out of range for dimension 1",
        ),
        (
            none.unique_dim(1).map(|u| u.values),
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied",
        ),
    ];
    for (result, text) in refused {
        let error = result.as_ref().unwrap_err().to_string();
        // A hint may follow.
        assert_eq!(error.lines().next(), Some(*text));
    }
}

#[test]
fn changes_in_place_are_those_of_the_twins() -> Result<()> {
    let start = tensor![[1., 2., 3.], [4., 5., 6.]];
    let (index, line) = (tensor![[1, 0, 1]], tensor![[10., 20., 30.]]);
    let (at, mask) = (tensor![1], tensor![[true, false, true]]);
    type Change = fn(&mut Tensor, [&Tensor; 4]) -> Result<()>;
    type Twin = fn(&Tensor, [&Tensor; 4]) -> Result<Tensor>;
    let pairs: [(Change, Twin); 11] = [
        (
            |t, [_, _, at, _]| t.index_fill_(0, at, 7.0).map(drop),
            |t, [_, _, at, _]| t.index_fill(0, at, 7.0),
        ),
        (
            |t, [_, s, at, _]| t.index_copy_(0, at, s).map(drop),
            |t, [_, s, at, _]| t.index_copy(0, at, s),
        ),
        (
            |t, [_, s, at, _]| t.index_add_(0, at, s).map(drop),
            |t, [_, s, at, _]| t.index_add(0, at, s),
        ),
        (
            |t, [_, s, at, _]| t.index_reduce_(0, at, s, Reduce::Mean, true).map(drop),
            |t, [_, s, at, _]| t.index_reduce(0, at, s, Reduce::Mean, true),
        ),
        (
            |t, [i, s, ..]| t.scatter_(0, i, s).map(drop),
            |t, [i, s, ..]| t.scatter(0, i, s),
        ),
        (
            |t, [i, s, ..]| t.scatter_add_(0, i, s).map(drop),
            |t, [i, s, ..]| t.scatter_add(0, i, s),
        ),
        (
            |t, [i, s, ..]| t.scatter_reduce_(0, i, s, Reduce::Prod, false).map(drop),
            |t, [i, s, ..]| t.scatter_reduce(0, i, s, Reduce::Prod, false),
        ),
        (
            |t, [_, s, _, m]| t.masked_scatter_(m, &s.repeat([2, 1])?).map(drop),
            |t, [_, s, _, m]| t.masked_scatter(m, &s.repeat([2, 1])?),
        ),
        (
            |t, [i, s, ..]| t.put_(i, s, true).map(drop),
            |t, [i, s, ..]| t.put(i, s, true),
        ),
        (|t, _| t.cumsum_(1).map(drop), |t, _| t.cumsum(1)),
        (|t, _| t.cumprod_(0).map(drop), |t, _| t.cumprod(0)),
    ];
    for (change, twin) in pairs {
        let with = [&index, &line, &at, &mask];
        let (mut changed, wanted) = (start.copy()?, twin(&start, with)?);
        change(&mut changed, with)?;
        assert!(
            changed.equal(&wanted)? && !changed.equal(&start)?,
            "{changed}"
        );
        // A step that is recorded carries the twin's gradient.
        let leaf = start.copy()?.requires_grad_(true)?;
        let mut inside = leaf.mul(1.0)?;
        change(&mut inside, with)?;
        inside.sum()?.backward()?;
        let other = start.copy()?.requires_grad_(true)?;
        twin(&other, with)?.sum()?.backward()?;
        assert_eq!(
            leaf.grad().map(|g| g.to_vec::<f32>()).transpose()?,
            other.grad().map(|g| g.to_vec::<f32>()).transpose()?
        );
    }
    let parameter = Parameter::new(start.clone());
    assert!(parameter.index_fill_(0, &at, 7.0).is_err(), "a leaf");
    no_grad(|| parameter.index_fill_(0, &at, 7.0).map(drop))?;
    parameter.data().cumsum_(1)?;
    assert_eq!(
        parameter.tensor().to_vec::<f32>()?,
        [1., 3., 6., 7., 14., 21.]
    );
    Ok(())
}
