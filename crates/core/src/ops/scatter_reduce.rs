//! Values reduced into the elements that an index names: sums, products, means, extremes.

use std::sync::Arc;

use super::gather::{check_scatter, corner, targets};
use super::picks::{Picks, Reduce};
use super::place::{INDEX, INDEX_PUT, Names, Pick, Place, Put};
use crate::autograd::{Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, apply};
use crate::shape::resolve_dim;
use crate::{DType, Error, Result, Tensor};

/// A tensor with values reduced into the elements that picks name.
#[derive(Clone)]
pub struct ScatterReduce {
    /// PyTorch's names, of the operation and of its backward step.
    names: Names,
    /// The dimension of the index.
    dim: usize,
    /// The elements.
    picks: Arc<Picks>,
    /// How.
    reduce: Reduce,
    /// Whether what was there counts.
    include_self: bool,
}

impl ScatterReduce {
    pub(super) fn new(
        names: Names,
        dim: usize,
        picks: Arc<Picks>,
        reduce: Reduce,
        include_self: bool,
    ) -> Self {
        ScatterReduce {
            names,
            dim,
            picks,
            reduce,
            include_self,
        }
    }

    /// The result; of bools by way of integers. The sums under the means of small integers wrap.
    pub(super) fn of(self, x: &Tensor, source: &Tensor) -> Result<Tensor> {
        let (dtype, reduce) = (x.dtype(), self.reduce);
        match dtype {
            DType::Bool => apply(self, (&x.long()?, &source.long()?))?.to_dtype(dtype),
            _ if dtype.is_small_int() && reduce == Reduce::Mean => {
                let counts = self.counts(x.shape(), DType::I64)?;
                let reduce = Reduce::Sum;
                let sums = apply(ScatterReduce { reduce, ..self }, (x, source))?;
                sums.floor_divide(&counts)?.to_dtype(dtype)
            }
            _ => apply(self, (x, source)),
        }
    }

    /// The elements that are named, of another tensor.
    fn take(&self, x: &Tensor) -> Result<Tensor> {
        Pick::apply(self.picks.clone(), INDEX, x)
    }

    /// Another tensor with values put, or added, to the elements that are named.
    fn put(&self, x: &Tensor, values: &Tensor, add: bool) -> Result<Tensor> {
        let put = Put {
            place: Place::Picks(self.picks.clone()),
            shape: x.shape_vec(),
            add,
            called: INDEX_PUT,
        };
        let values = values.broadcast_to(&self.picks.result().0)?;
        apply(put, (Some(x), &values))
    }

    /// For each element, how many values have a part in it: 1 where there are none.
    fn counts(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        let own = f64::from(u8::from(self.include_self));
        let own = Tensor::try_full_of(shape, own, dtype)?;
        let counts = self.put(&own, &Tensor::try_ones_of((), dtype)?, true)?;
        counts.clamp(1, None)
    }

    fn product_gradients(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let (x, source) = (saved.input(0)?, saved.input(1)?);
        let again = |x: &Tensor, source: &Tensor| apply(self.clone(), (x, source));
        let of_x = saved.grad(0, || {
            // Without what is zero, so that it can be divided by.
            let filled = x.masked_fill(&x.detach().eq(0.0)?, 1.0)?;
            grad.mul(&again(&filled, &source)?)?.div(&filled)
        })?;
        let of_source = saved.grad(1, || {
            let zero = source.detach().eq(0.0)?;
            let none = Tensor::try_zeros_of(saved.shape(0), grad.dtype())?;
            let zeros = self.take(&self.put(&none, &zero.to_dtype(grad.dtype())?, true)?)?;
            let single = zero.logical_and(&zeros.eq(1.0)?)?;
            let without = again(&x, &source.masked_fill(&single, 1.0)?)?;
            let at_zero = self.take(&grad.mul(&without)?)?;
            let products = self.take(&grad.mul(&saved.output(0)?)?)?;
            let others = products.div(&source.masked_fill(&zero, 1.0)?)?;
            let gradient = Tensor::where_cond(&single, &at_zero, &others)?;
            match saved.recording() && zeros.gt(1.0)?.any()?.item()? != 0.0 {
                true => apply(GradientAtZeros(self.names.0), &gradient),
                false => Ok(gradient),
            }
        })?;
        Ok([of_x, of_source])
    }

    /// Those that equal the extreme share its gradient; what was there too, as in PyTorch, if it does not
    /// count.
    fn extreme_gradients(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let out = saved.output(0)?.detach();
        let hits = |t: &Tensor, value: &Tensor| t.eq(value)?.to_dtype(grad.dtype());
        let own = hits(&saved.input(0)?.detach(), &out)?;
        let others = hits(&saved.input(1)?.detach(), &self.take(&out)?)?;
        let share = grad.div(&self.put(&own, &others, true)?)?;
        Ok([
            saved.grad(0, || own.mul(&share))?,
            saved.grad(1, || others.mul(&self.take(&share)?))?,
        ])
    }
}

/// The gradient of the factors where several of one product are zero: right, but without the terms that
/// its own derivative would need.
#[derive(Clone)]
struct GradientAtZeros(&'static str);

impl Operation for GradientAtZeros {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;

    fn name(&self) -> &'static str {
        "scatter_reduce_backward"
    }
    fn grad_name(&self) -> &'static str {
        "Error"
    }
    fn forward(&self, gradient: &Tensor, _: &mut Own) -> Result<Tensor> {
        Ok(gradient.clone())
    }
    fn backward(&self, _: &Saved<'_>, _: &Tensor) -> Result<GradsOf<Self>> {
        let name = self.0;
        let source = if name == "index_reduce" {
            "source"
        } else {
            "src"
        };
        Err(Error::autograd(format!(
            "{name}(): Double backward is unsupported for {source} when >1 zeros in {source} are scattered to the same position in self"
        )))
    }
}

impl Operation for ScatterReduce {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = Tensor;
    const RULES: Rules = Rules::ARITHMETIC;

    fn name(&self) -> &'static str {
        self.names.0
    }
    fn grad_name(&self) -> &'static str {
        self.names.1
    }
    fn attributes(&self) -> Attributes {
        let reduce = match self.reduce {
            Reduce::Sum => "sum",
            Reduce::Prod => "prod",
            Reduce::Mean => "mean",
            Reduce::Amax => "amax",
            Reduce::Amin => "amin",
        };
        vec![
            ("dim", self.dim.into()),
            ("reduce", reduce.into()),
            ("include_self", self.include_self.into()),
        ]
    }
    fn forward(&self, (x, source): Self::Inputs<'_>, _: &mut Own) -> Result<Tensor> {
        let out = self
            .picks
            .reduce(x, source, self.reduce, self.include_self)?;
        if self.reduce != Reduce::Mean {
            return Ok(out);
        }
        let counts = self.counts(x.shape(), x.dtype())?;
        match x.dtype().is_float() {
            true => out.div(&counts),
            false => out.floor_divide(&counts),
        }
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        match self.reduce {
            Reduce::Sum | Reduce::Mean => Saves::ONCE,
            _ => Saves::NONE.input(0).input(1).output(0),
        }
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let shares = |grad: &Tensor| -> Result<GradsOf<Self>> {
            Ok([
                saved.grad(0, || Ok(grad.clone()))?,
                saved.grad(1, || self.take(grad))?,
            ])
        };
        let [mut of_x, of_source] = match self.reduce {
            Reduce::Sum => shares(grad)?,
            Reduce::Mean => shares(&grad.div(&self.counts(saved.shape(0), grad.dtype())?)?)?,
            Reduce::Prod => self.product_gradients(saved, grad)?,
            Reduce::Amax | Reduce::Amin => self.extreme_gradients(saved, grad)?,
        };
        if let (false, Some(grad)) = (self.include_self, &of_x) {
            of_x = Some(self.put(grad, &Tensor::try_zeros_of((), grad.dtype())?, false)?);
        }
        Ok([of_x, of_source])
    }
}

/// # Reducing into elements
impl Tensor {
    /// This tensor with the values of `source` reduced into the elements that `index` names, as
    /// [`Tensor::scatter`] names them; `include_self` says whether what was there counts. Equal extremes share
    /// the gradient.
    ///
    /// ```
    /// use pleach::tensor;
    /// let (x, index, source) = (tensor![1., 2.], tensor![0, 0], tensor![5., 3.]);
    /// let y = x.scatter_reduce(0, &index, &source, "prod", true)?;
    /// assert_eq!(y.to_vec::<f32>()?, [15., 2.]);
    /// let y = x.scatter_reduce(0, &index, &source, "amin", false)?;
    /// assert_eq!(y.to_vec::<f32>()?, [3., 2.]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the index holds no integers, does not fit, or points outside, or there is no such reduction.
    pub fn scatter_reduce(
        &self,
        dim: i64,
        index: &Tensor,
        source: &Tensor,
        reduce: impl TryInto<Reduce, Error: Into<Error>>,
        include_self: bool,
    ) -> Result<Tensor> {
        let reduce = reduce.try_into().map_err(Into::into)?;
        self.scatter_reduced(dim, index, source, reduce, include_self)
    }

    fn scatter_reduced(
        &self,
        dim: i64,
        index: &Tensor,
        source: &Tensor,
        reduce: Reduce,
        include_self: bool,
    ) -> Result<Tensor> {
        let d = resolve_dim(dim, self.rank())?;
        if index.numel() == 0 && self.dtype() == source.dtype() {
            return Ok(self.clone());
        }
        check_scatter(self, d, index, Some(source))?;
        if self.dtype() == DType::Bool && reduce == Reduce::Mean {
            return Err(Error::not_implemented(
                "scatter_gather_tensor_cpu_reduce_mean",
                DType::Bool,
            ));
        }
        let at = targets(index, self.shape(), d)?;
        let picks = Picks::elements(at, self.rank(), index.shape());
        let names = ("scatter_reduce", "ScatterReduceBackward0");
        let op = ScatterReduce::new(names, d, picks, reduce, include_self);
        op.of(self, &corner(source, index)?)
    }
}
