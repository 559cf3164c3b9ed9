//! Sums, means, products and truth: over all elements, or over some dimensions.

use pleach_kernels::product_of_others;

use super::elementwise::written;
use super::plan::{Kind, Over, Plan, shared_by_hits};
use super::{norm, variance};
use crate::autograd::{
    Attributes, Call, GradsOf, Operation, Own, Rules, Saved, Saves, Types, apply,
};
use crate::{DType, Dims, Error, Result, Tensor};

/// One value of all elements, or of those over some dimensions.
#[derive(Clone, Debug)]
pub struct Reduction {
    /// What it makes of them.
    kind: Kind,
    /// The dimensions.
    over: Over,
}

impl Reduction {
    /// The name; the names of the backward step without dimensions and with some.
    fn names(&self) -> [&'static str; 3] {
        match self.kind {
            Kind::Sum => ["sum", "SumBackward0", "SumBackward1"],
            Kind::NanSum => ["nansum", "NansumBackward0", "NansumBackward0"],
            Kind::Mean => ["mean", "MeanBackward0", "MeanBackward1"],
            Kind::Prod => ["prod", "ProdBackward0", "ProdBackward1"],
            Kind::Max => ["max", "MaxBackward1", "MaxBackward1"],
            Kind::Min => ["min", "MinBackward1", "MinBackward1"],
            Kind::Amax => ["amax", "AmaxBackward0", "AmaxBackward0"],
            Kind::Amin => ["amin", "AminBackward0", "AminBackward0"],
            Kind::LogSumExp => ["logsumexp", "LogsumexpBackward0", "LogsumexpBackward0"],
            Kind::Norm(_) => ["linalg_vector_norm", norm::GRAD_NAME, norm::GRAD_NAME],
            Kind::Var(_) => ["var", "VarBackward0", "VarBackward0"],
            Kind::Std(_) => ["std", "StdBackward0", "StdBackward0"],
        }
    }
}

impl Operation for Reduction {
    type Inputs<'a> = &'a Tensor;
    type Outputs = Tensor;
    const RULES: Rules = Rules {
        types: Types::Widened,
        ..Rules::PLAIN
    };

    fn name(&self) -> &'static str {
        self.names()[0]
    }
    fn grad_name(&self) -> &'static str {
        self.names()[if self.over.named { 2 } else { 1 }]
    }
    fn attributes(&self) -> Attributes {
        let mut all = self.over.attributes();
        match self.kind {
            Kind::Norm(p) => all.push(("ord", p.into())),
            Kind::Var(correction) | Kind::Std(correction) => {
                all.push(("correction", correction.into()));
            }
            _ => {}
        }
        all
    }
    fn forward(&self, x: &Tensor, own: &mut Own) -> Result<Tensor> {
        let over = &self.over;
        let plan = Plan::new(x, &over.mask, over.keepdim)?;
        match self.kind {
            Kind::Sum => plan.sum(),
            Kind::NanSum => {
                let numbers = x.masked_fill(&x.isnan()?, 0.0)?;
                Plan::new(&numbers, &over.mask, over.keepdim)?.sum()
            }
            Kind::Mean => plan.sum()?.div(plan.n as f64),
            Kind::Prod => product(&plan),
            Kind::Max | Kind::Min | Kind::Amax | Kind::Amin => {
                let empty = (0..x.rank()).find(|d| over.mask[*d] && x.shape()[*d] == 0);
                plan.refuse_empty(self.name(), empty.filter(|_| over.named))?;
                let max = matches!(self.kind, Kind::Max | Kind::Amax);
                Ok(plan.extreme(max)?.0)
            }
            Kind::LogSumExp => norm::log_sum_exp(x, &plan, over),
            Kind::Norm(p) => norm::norm(x, p, &plan, over),
            Kind::Var(by) => variance::variance(x, &plan, by, over, |v| v, own),
            Kind::Std(by) => variance::variance(x, &plan, by, over, f64::sqrt, own),
        }
    }
    fn saves(&self, _: Call<'_>) -> Saves {
        match self.kind {
            Kind::Sum | Kind::Mean => Saves::NONE,
            Kind::Norm(0.0) => Saves::ONCE,
            Kind::NanSum | Kind::Norm(1.0) | Kind::Var(_) => Saves::NONE.input(0),
            _ => Saves::NONE.input(0).output(0),
        }
    }
    fn backward(&self, saved: &Saved<'_>, grad: &Tensor) -> Result<GradsOf<Self>> {
        let (over, shape) = (&self.over, saved.shape(0));
        let spread = |t: &Tensor| over.spread(t, shape);
        Ok([Some(match self.kind {
            Kind::Sum => spread(grad)?,
            Kind::NanSum => {
                let nan = saved.input(0)?.detach().isnan()?;
                spread(grad)?.masked_fill(&nan, 0.0)?
            }
            Kind::Mean => spread(&grad.div(over.count(shape) as f64)?)?,
            Kind::Prod => product_gradient(saved, grad, over)?,
            Kind::Max | Kind::Min | Kind::Amax | Kind::Amin => {
                let (x, value) = (saved.input(0)?, spread(&saved.output(0)?)?);
                shared_by_hits(&spread(grad)?, &x, &value, &over.list())?
            }
            Kind::LogSumExp => {
                let share = saved.input(0)?.sub(&spread(&saved.output(0)?)?)?.exp()?;
                spread(grad)?.mul(&share)?
            }
            Kind::Norm(p) => norm::gradient(saved, grad, p, over)?,
            Kind::Var(by) => variance::gradient(saved, grad.clone(), by, over)?,
            Kind::Std(by) => {
                let root = saved.output(0)?;
                let g = grad.div(&root.mul(2.0)?)?;
                variance::gradient(saved, g.masked_fill(&root.eq(0.0)?, 0.0)?, by, over)?
            }
        })])
    }
}

/// # Reductions: sums, means, products
impl Tensor {
    pub(super) fn reduced(&self, kind: Kind, over: Over) -> Result<Tensor> {
        apply(Reduction { kind, over }, self)
    }

    /// The sum of all elements; integers and bools sum as i64.
    ///
    /// ```
    /// assert_eq!(pleach::tensor![[1., 2.], [3., 4.]].sum()?.item()?, 10.0);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn sum(&self) -> Result<Tensor> {
        self.reduced(Kind::Sum, Over::all(self))
    }

    /// The sum over some dimensions.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice.
    pub fn sum_dim(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.reduced(Kind::Sum, Over::dims(self, dims, keepdim)?)
    }

    /// The mean of all elements.
    ///
    /// # Errors
    /// If the dtype is not a float type.
    pub fn mean(&self) -> Result<Tensor> {
        self.mean_over(Over::all(self))
    }

    /// The mean over some dimensions.
    ///
    /// # Errors
    /// If a dimension does not exist or is given twice, or the dtype is not a float type.
    pub fn mean_dim(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.mean_over(Over::dims(self, dims, keepdim)?)
    }

    fn mean_over(&self, over: Over) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::dtype(format!(
                "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {}",
                self.dtype().torch_name()
            ))
            .hint_conversion(self.dtype(), DType::F32));
        }
        self.reduced(Kind::Mean, over)
    }

    /// The product of all elements; integers multiply as i64.
    ///
    /// # Errors
    /// If the dtype does not compute.
    pub fn prod(&self) -> Result<Tensor> {
        self.reduced(Kind::Prod, Over::all(self))
    }

    /// The product along a dimension.
    ///
    /// # Errors
    /// If the dimension does not exist.
    pub fn prod_dim(&self, dim: i64, keepdim: bool) -> Result<Tensor> {
        self.reduced(Kind::Prod, Over::dims(self, dim, keepdim)?)
    }

    /// Whether every element is non-zero: a bool, of a u8 tensor a u8.
    pub fn all(&self) -> Result<Tensor> {
        self.truth(Over::all(self), true)
    }

    /// Whether any element is non-zero: a bool, of a u8 tensor a u8.
    pub fn any(&self) -> Result<Tensor> {
        self.truth(Over::all(self), false)
    }

    /// Whether every element along some dimensions is non-zero.
    ///
    /// # Errors
    /// If a dimension does not exist.
    pub fn all_dim(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.truth(Over::dims(self, dims, keepdim)?, true)
    }

    /// Whether any element along some dimensions is non-zero.
    ///
    /// # Errors
    /// If a dimension does not exist.
    pub fn any_dim(&self, dims: impl Dims, keepdim: bool) -> Result<Tensor> {
        self.truth(Over::dims(self, dims, keepdim)?, false)
    }

    fn truth(&self, over: Over, all: bool) -> Result<Tensor> {
        let plan = Plan::new(
            &self.detach().to_dtype(DType::Bool)?,
            &over.mask,
            over.keepdim,
        )?;
        let each = move |a, v| if all { a & v } else { a | v };
        let out = plan.fold::<bool, bool>(all, each)?;
        match self.dtype() {
            DType::U8 => out.to_dtype(DType::U8),
            _ => Ok(out),
        }
    }
}

fn product(plan: &Plan) -> Result<Tensor> {
    match plan.x.dtype() {
        DType::Bool => plan.fold::<bool, i64>(1, |a, v| a * v as i64),
        DType::I64 => plan.fold::<i64, i64>(1, i64::wrapping_mul),
        dtype => dispatch_float!("prod", dtype, T => {
            plan.fold::<T, T>(1.0, |a, v| a * v)
        }),
    }
}

fn product_gradient(saved: &Saved<'_>, grad: &Tensor, over: &Over) -> Result<Tensor> {
    let shape = saved.shape(0);
    if over.count(shape) == 1 {
        // Nothing is multiplied.
        return grad.reshape(shape);
    }
    let (g, x) = (over.spread(grad, shape)?, saved.input(0)?);
    let x = x.to_dtype(x.dtype().comparable())?;
    let zeros = x.eq(0.0)?.reduced(Kind::Sum, over.kept())?;
    if zeros.sum()?.item_i64()? == 0 {
        return g.mul(&over.spread(&saved.output(0)?, shape)?.div(&x)?);
    }
    let plan = Plan::new(&x, &over.mask, true)?;
    let (outer, n, inner) = (plan.outer, plan.n, plan.inner);
    if saved.recording() {
        // Row by row with one of the factors as 1.
        let rows = x
            .reshape([outer, 1, n, inner])?
            .expand([outer, n, n, inner])?;
        let at = Tensor::try_arange(n)?;
        let one = at.reshape([n, 1, 1])?.eq(&at.reshape([n, 1])?)?;
        let others = rows.masked_fill(&one, 1.0)?.prod_dim(2, false)?;
        return g.mul(&others.reshape(shape)?);
    }
    let others = dispatch_float!("prod", x.dtype(), T => {
        written(&x, |x: &[T], out| product_of_others(x, n, inner, out))?
    });
    let dx = g.mul(&others.reshape(shape)?)?;
    // Two zeros leave nothing, of whatever gradient.
    dx.masked_fill(&zeros.gt(1)?.broadcast_to(shape)?, 0.0)
}
