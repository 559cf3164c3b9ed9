//! [`InstanceNorm`]: [`InstanceNorm1d`], [`InstanceNorm2d`], [`InstanceNorm3d`].

use pleach_core::print::PythonRepr;
use pleach_core::{Buffer, DType, Error, Parameter, Result, Tensor};

use super::default_init::bool_text;
use super::norm_state::{affine, reset_affine, reset_running_stats, running_stats, value};
use crate::functional::{self, InstanceNormOptions};
use crate::or_panic::or_panic;
use crate::setters::setters;
use crate::{Forward, Module, Node, Setting};

/// [`InstanceNorm`] of sequences: input `[N, num_features, L]` or `[num_features, L]`.
pub type InstanceNorm1d = InstanceNorm<1>;
/// [`InstanceNorm`] of images: input `[N, num_features, H, W]` or `[num_features, H, W]`.
pub type InstanceNorm2d = InstanceNorm<2>;
/// [`InstanceNorm`] of volumes: input `[N, num_features, D, H, W]` or `[num_features, D, H, W]`.
pub type InstanceNorm3d = InstanceNorm<3>;

const NAMES: [&str; 3] = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"];

/// Instance normalisation (Ulyanov et al. 2016) over one, two or three dimensions: each channel of each
/// sample is brought to mean 0 and variance 1 over its positions, and scaled and shifted if there are
/// weight and bias:
///
/// ```text
/// y = (x - mean) / sqrt(var + eps) · weight + bias
/// ```
///
/// The variance is the biased one. Shapes: input and output `[N, num_features, *]` or
/// `[num_features, *]`.
///
/// By default there are neither parameters nor running statistics. With running statistics, training
/// moves them towards the means over the batch, the variance towards the unbiased one,
/// `running = (1 - momentum) · running + momentum · mean`, and evaluation uses them. A momentum of `None`
/// moves nothing. An input with another number of channels is an error if there are parameters or
/// running statistics, otherwise a warning (through `log`).
///
/// ```
/// use pleach::{Tensor, tensor};
/// use pleach::nn::{Forward, layers::InstanceNorm1d};
///
/// let norm = InstanceNorm1d::builder(2).eps(1e-12).build()?;
/// let y = norm.call(&tensor![[1.0, 5.0], [20.0, 10.0]])?; // no batch
/// assert_eq!(y.to_vec::<f32>()?, [-1.0, 1.0, 1.0, -1.0]);
///
/// let tracking = InstanceNorm1d::builder(1).track_running_stats(true).build()?;
/// tracking.call(&tensor![[[1.0, 5.0]]])?;
/// let (mean, var) = (tracking.running_mean.as_ref().unwrap(), tracking.running_var.as_ref().unwrap());
/// assert_eq!(mean.tensor().to_vec::<f32>()?, [0.3]); // 0.9 · 0 + 0.1 · 3
/// assert_eq!(var.tensor().to_vec::<f32>()?, [1.7]); // 0.9 · 1 + 0.1 · 8
/// # Ok::<(), pleach::Error>(())
/// ```
#[derive(Module)]
#[module(name = NAMES[D - 1], extra_repr, refused_entries, version = 2, debug)]
pub struct InstanceNorm<const D: usize> {
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
    /// PyTorch's counter, which stays 0; i64, 0-d.
    pub num_batches_tracked: Option<Buffer>,
}

impl<const D: usize> InstanceNorm<D> {
    /// A layer with PyTorch's defaults: eps 1e-5, momentum 0.1, no parameters, no running statistics.
    ///
    /// # Panics
    /// If the memory cannot be had; see [`InstanceNormBuilder::build`].
    #[track_caller]
    pub fn new(num_features: usize) -> Self {
        or_panic(Self::builder(num_features).build())
    }

    /// A layer with options.
    pub fn builder(num_features: usize) -> InstanceNormBuilder<D> {
        const { assert!(0 < D && D <= 3, "one, two or three dimensions") };
        InstanceNormBuilder {
            num_features,
            eps: 1e-5,
            momentum: Some(0.1),
            affine: false,
            bias: true,
            track_running_stats: false,
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

    /// How far the running statistics move towards a batch's; `None` does not move them.
    pub fn momentum(&self) -> Option<f64> {
        self.momentum.get()
    }

    /// Changes [`momentum`](Self::momentum), for every alias.
    pub fn set_momentum(&self, momentum: impl Into<Option<f64>>) {
        self.momentum.set(momentum.into());
    }

    /// Sets mean 0 and variance 1.
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

    fn extra_repr(&self) -> String {
        format!(
            "{}, eps={}, momentum={}, affine={}, bias={}, track_running_stats={}",
            self.num_features,
            self.eps().python_repr(),
            self.momentum().python_repr(),
            bool_text(self.weight.is_some()),
            bool_text(self.bias.is_some()),
            bool_text(self.running_mean.is_some())
        )
    }

    /// Before version 1 of a state dict, running statistics were there whether they were asked for or
    /// not.
    fn refused_entries(
        &self,
        saved: Option<u64>,
        found: &mut dyn FnMut(&[&str]) -> Option<String>,
    ) -> Option<String> {
        if saved.is_some() || self.running_mean.is_some() {
            return None;
        }
        let names = found(&["running_mean", "running_var"])?;
        let layer = NAMES[D - 1];
        Some(format!(
            "Unexpected running stats buffer(s) {names} for {layer} with track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, this may be expected because {layer} does not track running stats by default since 0.4.0. Please remove these keys from state_dict. If the running stats are actually needed, instead set track_running_stats=True in {layer} to enable them. See the documentation of {layer} for details."
        ))
    }

    /// Whether the input has a batch dimension.
    fn check(&self, sizes: &[usize]) -> Result<bool> {
        let rank = sizes.len();
        if rank != D + 1 && rank != D + 2 {
            return Err(Error::shape(format!(
                "expected {}D or {}D input (got {rank}D input)",
                D + 1,
                D + 2
            )));
        }
        let dim = rank - (D + 1);
        if sizes[dim] != self.num_features {
            if self.weight.is_some() {
                return Err(Error::shape(format!(
                    "expected input's size at dim={dim} to match num_features ({}), but got: {}.",
                    self.num_features, sizes[dim]
                )));
            }
            log::warn!(
                "input's size at dim={dim} does not match num_features. You can silence this warning by not passing in num_features, which is not used because affine=False"
            );
        }
        Ok(rank == D + 2)
    }
}

impl<const D: usize> Forward for InstanceNorm<D> {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let batched = self.check(input.shape())?;
        let running = self.running_mean.as_ref().zip(self.running_var.as_ref());
        let (weight, bias) = (value(&self.weight)?, value(&self.bias)?);
        let options = InstanceNormOptions::new()
            .running_stats(running)
            .weight(weight.as_ref())
            .bias(bias.as_ref())
            .use_input_stats(self.node.is_training() || running.is_none())
            .momentum(self.momentum().unwrap_or(0.0))
            .eps(self.eps());
        match batched {
            true => functional::instance_norm(input, options),
            false => functional::instance_norm(&input.unsqueeze(0)?, options)?.squeeze_dim(0),
        }
    }
}

/// Options of an [`InstanceNorm`].
#[derive(Debug, Clone)]
#[must_use]
pub struct InstanceNormBuilder<const D: usize> {
    num_features: usize,
    pub(super) eps: f64,
    pub(super) momentum: Option<f64>,
    pub(super) affine: bool,
    pub(super) bias: bool,
    pub(super) track_running_stats: bool,
    pub(super) dtype: DType,
}

impl<const D: usize> InstanceNormBuilder<D> {
    setters! {
        |builder| builder;
        /// What is added to the variance (1e-5 by default).
        eps: f64 = eps;
        /// How far the running statistics move towards a batch's (0.1 by default); `None` does not move
        /// them.
        momentum: impl Into<Option<f64>> = momentum.into();
        /// Whether there are weight and bias (no, by default).
        affine: bool = affine;
        /// Whether there is a bias beside the weight (yes, by default).
        bias: bool = bias;
        /// Whether there are running statistics (no, by default).
        track_running_stats: bool = track_running_stats;
        /// The dtype of parameters and statistics (f32 by default).
        dtype: DType = dtype;
    }

    /// Builds the layer; nothing is drawn.
    ///
    /// # Errors
    /// If the dtype is not a float type, or the memory cannot be had.
    pub fn build(self) -> Result<InstanceNorm<D>> {
        let (n, dtype) = (self.num_features, self.dtype);
        let (weight, bias) = affine(&[n], self.affine, self.affine && self.bias, dtype)?;
        let [running_mean, running_var, num_batches_tracked] =
            running_stats(n, self.track_running_stats, dtype)?;
        Ok(InstanceNorm {
            node: Node::new(),
            num_features: n,
            eps: Setting::new(self.eps),
            momentum: Setting::new(self.momentum),
            weight,
            bias,
            running_mean,
            running_var,
            num_batches_tracked,
        })
    }
}
