//! [`BatchNorm`]: [`BatchNorm1d`], [`BatchNorm2d`], [`BatchNorm3d`].

use pleach_core::print::python_float;
use pleach_core::{Buffer, DType, Error, Parameter, Result, Tensor};

use super::default_init::bool_text;
use super::norm_state::{affine, reset_affine, reset_running_stats, running_stats, value};
use crate::chain::Taken;
use crate::functional::{self, BatchNormOptions, hint_batch};
use crate::or_panic::or_panic;
use crate::setters::setters;
use crate::{Activation, Forward, Module, Node, Setting, Step};

/// Batch normalisation of features or sequences: input `[N, num_features]` or
/// `[N, num_features, L]`; see [`BatchNorm`].
pub type BatchNorm1d = BatchNorm<1>;
/// Batch normalisation of images: input `[N, num_features, H, W]`; see [`BatchNorm`].
pub type BatchNorm2d = BatchNorm<2>;
/// Batch normalisation of volumes: input `[N, num_features, D, H, W]`; see [`BatchNorm`].
pub type BatchNorm3d = BatchNorm<3>;

const NAMES: [&str; 3] = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"];

/// Batch normalisation over one, two or three dimensions: each channel is brought to mean 0 and
/// variance 1 over batch and positions, then scaled and shifted:
///
/// ```text
/// y = (x - mean) / sqrt(var + eps) · weight + bias
/// ```
///
/// Shapes: input and output `[N, num_features, *]`; in one dimension also `[N, num_features]`.
///
/// In training mode, mean and (biased) variance are the batch's, and the running statistics are
/// moved towards them, the variance towards the unbiased one:
/// `running = (1 - momentum) · running + momentum · batch`. With a momentum of `None`, they are the
/// average over all batches so far. In evaluation mode the running statistics are used, if there
/// are any.
///
/// ```
/// use pleach::{Tensor, tensor};
/// use pleach::nn::{Forward, Module, layers::{BatchNorm1d, BatchNorm2d}};
///
/// let norm = BatchNorm2d::builder(1).eps(1e-12).build()?;
/// let x = tensor![1.0, 5.0].reshape([2, 1, 1, 1])?;
/// assert_eq!(norm.call(&x)?.to_vec::<f32>()?, [-1.0, 1.0]);
/// let (mean, var) = (norm.running_mean.as_ref().unwrap(), norm.running_var.as_ref().unwrap());
/// assert_eq!(mean.tensor().to_vec::<f32>()?, [0.3]); // 0.9 · 0 + 0.1 · 3
/// assert_eq!(var.tensor().to_vec::<f32>()?, [1.7]); // 0.9 · 1 + 0.1 · 8
/// norm.eval();
/// assert_eq!(norm.call(&Tensor::full([1, 1, 1, 1], 0.3))?.item()?, 0.0);
///
/// assert_eq!(BatchNorm1d::new(4).call(&Tensor::randn([8, 4]))?.shape(), [8, 4]);
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(name = NAMES[D - 1], extra_repr, version = 2, debug)]
pub struct BatchNorm<const D: usize> {
    node: Node,
    /// Channels of the input.
    pub num_features: usize,
    eps: Setting<f64>,
    momentum: Setting<Option<f64>>,
    /// The scale, `[num_features]`.
    pub weight: Option<Parameter>,
    /// The shift, `[num_features]`.
    pub bias: Option<Parameter>,
    /// The running mean, `[num_features]`.
    pub running_mean: Option<Buffer>,
    /// The running variance, `[num_features]`.
    pub running_var: Option<Buffer>,
    /// How many batches were seen in training mode; i64, 0-d.
    pub num_batches_tracked: Option<Buffer>,
    /// Whether it was folded into the layer before it, and returns its input.
    folded: bool,
}

impl<const D: usize> BatchNorm<D> {
    /// A layer with PyTorch's defaults, in f32: eps 1e-5, momentum 0.1, weight, bias and running
    /// statistics.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`BatchNormBuilder::build`].
    #[track_caller]
    pub fn new(num_features: usize) -> Self {
        or_panic(Self::builder(num_features).build())
    }

    /// A layer with options.
    pub fn builder(num_features: usize) -> BatchNormBuilder<D> {
        const { assert!(0 < D && D <= 3, "one, two or three dimensions") };
        BatchNormBuilder {
            num_features,
            eps: 1e-5,
            momentum: Some(0.1),
            affine: true,
            bias: true,
            track_running_stats: true,
            dtype: DType::F32,
        }
    }

    /// What is added to the variance.
    pub fn eps(&self) -> f64 {
        self.eps.get()
    }

    /// Changes [`eps`](Self::eps), for every alias.
    pub fn set_eps(&self, eps: f64) {
        self.eps.set(eps);
    }

    /// How far the running statistics move towards a batch's; `None` averages over all batches.
    pub fn momentum(&self) -> Option<f64> {
        self.momentum.get()
    }

    /// Changes [`momentum`](Self::momentum), for every alias.
    pub fn set_momentum(&self, momentum: impl Into<Option<f64>>) {
        self.momentum.set(momentum.into());
    }

    /// Sets mean 0, variance 1 and no batches seen.
    ///
    /// # Errors
    /// None while the buffers have a dtype that computes.
    pub fn reset_running_stats(&self) -> Result<()> {
        reset_running_stats([
            &self.running_mean,
            &self.running_var,
            &self.num_batches_tracked,
        ])
    }

    /// Sets weight 1, bias 0 and the running statistics to their start.
    ///
    /// # Errors
    /// None while parameters and buffers have a dtype that computes.
    pub fn reset_parameters(&self) -> Result<()> {
        self.reset_running_stats()?;
        reset_affine(self.weight.as_ref(), self.bias.as_ref())
    }

    /// Makes it an identity, without parameters and buffers, that prints so.
    pub(crate) fn become_identity(&mut self) {
        let training = self.node.is_training();
        self.node = Node::named("Identity");
        self.node.set_training(training);
        (self.weight, self.bias) = (None, None);
        (self.running_mean, self.running_var) = (None, None);
        self.num_batches_tracked = None;
        self.folded = true;
    }

    fn extra_repr(&self) -> String {
        if self.folded {
            return String::new();
        }
        let momentum = self.momentum().map_or("None".to_string(), python_float);
        format!(
            "{}, eps={}, momentum={momentum}, affine={}, bias={}, track_running_stats={}",
            self.num_features,
            python_float(self.eps()),
            bool_text(self.weight.is_some()),
            bool_text(self.bias.is_some()),
            bool_text(self.running_mean.is_some())
        )
    }

    fn check_rank(&self, rank: usize) -> Result<()> {
        let (fits, expected) = match D {
            1 => (rank == 2 || rank == 3, "2D or 3D"),
            2 => (rank == 4, "4D"),
            _ => (rank == 5, "5D"),
        };
        match fits {
            true => Ok(()),
            false => {
                let text = format!("expected {expected} input (got {rank}D input)");
                Err(hint_batch(Error::value(text), rank, D + 1))
            }
        }
    }
}

impl<const D: usize> Forward for BatchNorm<D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(self.forward_then(input, &[])?.0)
    }

    fn activation(&self) -> Option<Activation> {
        self.folded.then_some(Activation::None)
    }

    fn forward_then(&self, input: &Tensor, steps: &[Step<'_>]) -> Result<(Tensor, usize)> {
        if self.folded {
            return Ok((input.clone(), 0));
        }
        let taken = Taken::of(steps, |residual| {
            residual.shape() == input.shape() && residual.dtype() == input.dtype()
        })?;
        Ok((self.normalise(input, taken)?, taken.steps))
    }
}

impl<const D: usize> BatchNorm<D> {
    /// The normalisation, and what follows it in the same pass.
    fn normalise(&self, input: &Tensor, taken: Taken<'_>) -> Result<Tensor> {
        self.check_rank(input.rank())?;
        let mut momentum = self.momentum().unwrap_or(0.0);
        if self.node.is_training() {
            momentum = self.count_batch()?;
        }
        let running = self.running_mean.as_ref().zip(self.running_var.as_ref());
        let (weight, bias) = (value(&self.weight)?, value(&self.bias)?);
        let options = BatchNormOptions::new()
            .running_stats(running)
            .weight(weight.as_ref())
            .bias(bias.as_ref())
            .training(self.node.is_training() || running.is_none())
            .momentum(momentum)
            .eps(self.eps())
            .residual(taken.residual)
            .activation(taken.activation);
        functional::batch_norm(input, options)
    }

    /// The factor that running statistics are moved with, after one more batch was counted: the
    /// momentum, or one over the number of batches if there is none.
    fn count_batch(&self) -> Result<f64> {
        let Some(tracked) = &self.num_batches_tracked else {
            return Ok(self.momentum().unwrap_or(0.0));
        };
        let count = tracked.update(|count| {
            let next = count.item_i64()?.wrapping_add(1);
            *count = Tensor::try_full_of((), next, count.dtype())?;
            Ok(next)
        })?;
        Ok(self.momentum().unwrap_or(1.0 / count as f64))
    }
}

/// Options of a [`BatchNorm`].
#[derive(Debug, Clone)]
#[must_use]
pub struct BatchNormBuilder<const D: usize> {
    pub(super) num_features: usize,
    pub(super) eps: f64,
    pub(super) momentum: Option<f64>,
    pub(super) affine: bool,
    pub(super) bias: bool,
    pub(super) track_running_stats: bool,
    pub(super) dtype: DType,
}

impl<const D: usize> BatchNormBuilder<D> {
    setters! {
        |builder| builder;
        /// What is added to the variance (1e-5 by default).
        eps: f64 = eps;
        /// How far the running statistics move towards a batch's (0.1 by default); `None` averages
        /// over all batches.
        momentum: impl Into<Option<f64>> = momentum.into();
        /// Whether there are weight and bias (yes, by default).
        affine: bool = affine;
        /// Whether there is a bias beside the weight (yes, by default).
        bias: bool = bias;
        /// Whether there are running statistics (yes, by default); without them the batch's are used
        /// in evaluation mode too.
        track_running_stats: bool = track_running_stats;
        /// The dtype of parameters and statistics (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer; nothing is drawn.
    ///
    /// # Errors
    /// If the dtype is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<BatchNorm<D>> {
        let (n, dtype) = (self.num_features, self.dtype);
        let (weight, bias) = affine(&[n], self.affine, self.affine && self.bias, dtype)?;
        let [running_mean, running_var, num_batches_tracked] =
            running_stats(n, self.track_running_stats, dtype)?;
        Ok(BatchNorm {
            node: Node::new(),
            num_features: n,
            eps: Setting::new(self.eps),
            momentum: Setting::new(self.momentum),
            weight,
            bias,
            running_mean,
            running_var,
            num_batches_tracked,
            folded: false,
        })
    }
}
