//! What the batch normalisations have in common.

use pleach_core::{Buffer, Result, Tensor};

/// The factor that running statistics are moved with, after one more batch was counted: the
/// momentum, or one over the number of batches if there is none.
pub(super) fn count_batch(
    num_batches_tracked: Option<&Buffer>,
    momentum: Option<f64>,
) -> Result<f64> {
    let Some(tracked) = num_batches_tracked else {
        return Ok(momentum.unwrap_or(0.0));
    };
    let count = tracked.update(|count| {
        let next = count.item_i64()?.wrapping_add(1);
        *count = Tensor::try_full_of((), next, count.dtype())?;
        Ok(next)
    })?;
    Ok(momentum.unwrap_or(1.0 / count as f64))
}

/// Writes constructor, builder, `forward` and settings of a batch normalisation; the struct has
/// the fields of `BatchNorm2d`, and `$check` looks at the input's rank.
macro_rules! batch_norm {
    ($layer:ident, $builder:ident, |$input:ident| $check:expr) => {
        impl $layer {
            /// A layer with PyTorch's defaults, in f32: eps 1e-5, momentum 0.1, weight, bias and
            /// running statistics.
            ///
            /// # Panics
            /// If the memory cannot be had; see its builder's `build`.
            #[track_caller]
            pub fn new(num_features: usize) -> Self {
                crate::or_panic::or_panic(Self::builder(num_features).build())
            }

            /// A layer with options.
            pub fn builder(num_features: usize) -> $builder {
                $builder {
                    num_features,
                    eps: 1e-5,
                    momentum: Some(0.1),
                    affine: true,
                    bias: true,
                    track_running_stats: true,
                    dtype: pleach_core::DType::F32,
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

            /// How far the running statistics move towards a batch's; `None` averages over all
            /// batches.
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
                let constants = [
                    (&self.running_mean, 0.0),
                    (&self.running_var, 1.0),
                    (&self.num_batches_tracked, 0.0),
                ];
                for (buffer, value) in constants {
                    if let Some(buffer) = buffer {
                        buffer.update(|t| t.fill_(value).map(drop))?;
                    }
                }
                Ok(())
            }

            /// Sets weight 1, bias 0 and the running statistics to their start.
            ///
            /// # Errors
            /// None while parameters and buffers have a dtype that computes.
            pub fn reset_parameters(&self) -> Result<()> {
                self.reset_running_stats()?;
                if let Some(weight) = &self.weight {
                    weight.data().fill_(1.0)?;
                }
                if let Some(bias) = &self.bias {
                    bias.data().fill_(0.0)?;
                }
                Ok(())
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
                use crate::layers::default_init::bool_text;
                use pleach_core::print::python_float;
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
        }

        impl Forward for $layer {
            fn forward(&self, $input: &Tensor) -> Result<Tensor> {
                self.normalise($input, None)
            }

            fn activation(&self) -> Option<crate::Activation> {
                self.folded.then_some(crate::Activation::None)
            }

            fn forward_then(
                &self,
                input: &Tensor,
                steps: &[crate::Step<'_>],
            ) -> Result<(Tensor, usize)> {
                if self.folded {
                    return Ok((input.clone(), 0));
                }
                let taken = crate::chain::Taken::of(steps, |residual| {
                    residual.shape() == input.shape() && residual.dtype() == input.dtype()
                })?;
                match taken.activation == crate::Activation::RELU {
                    true => Ok((self.normalise(input, Some(taken.residual))?, taken.steps)),
                    false => Ok((self.forward(input)?, 0)),
                }
            }
        }

        impl $layer {
            /// The normalisation; with `relu`, also what follows it: an addition and the ReLU.
            fn normalise(&self, $input: &Tensor, relu: Option<Option<&Tensor>>) -> Result<Tensor> {
                if self.folded {
                    return Ok($input.clone());
                }
                $check?;
                let mut momentum = self.momentum().unwrap_or(0.0);
                if self.node.is_training() {
                    let tracked = self.num_batches_tracked.as_ref();
                    momentum = super::batch_norm_state::count_batch(tracked, self.momentum())?;
                }
                let running = self.running_mean.as_ref().zip(self.running_var.as_ref());
                let weight = self.weight.as_ref().map(Parameter::tensor);
                let bias = self.bias.as_ref().map(Parameter::tensor);
                let (weight, bias) = (weight.as_ref(), bias.as_ref());
                let training = self.node.is_training() || running.is_none();
                let eps = self.eps();
                match relu {
                    None => crate::functional::batch_norm(
                        $input, running, weight, bias, training, momentum, eps,
                    ),
                    Some(residual) => crate::functional::batch_norm_relu(
                        $input, running, weight, bias, residual, training, momentum, eps,
                    ),
                }
            }
        }

        #[doc = concat!("Options of a [`", stringify!($layer), "`].")]
        #[derive(Debug, Clone)]
        #[must_use]
        pub struct $builder {
            num_features: usize,
            eps: f64,
            momentum: Option<f64>,
            affine: bool,
            bias: bool,
            track_running_stats: bool,
            dtype: DType,
        }

        impl $builder {
            /// What is added to the variance (1e-5 by default).
            pub fn eps(mut self, eps: f64) -> Self {
                self.eps = eps;
                self
            }

            /// How far the running statistics move towards a batch's (0.1 by default); `None`
            /// averages over all batches.
            pub fn momentum(mut self, momentum: impl Into<Option<f64>>) -> Self {
                self.momentum = momentum.into();
                self
            }

            /// Whether there are weight and bias (yes, by default).
            pub fn affine(mut self, affine: bool) -> Self {
                self.affine = affine;
                self
            }

            /// Whether there is a bias beside the weight (yes, by default).
            pub fn bias(mut self, bias: bool) -> Self {
                self.bias = bias;
                self
            }

            /// Whether there are running statistics (yes, by default); without them the batch's
            /// are used in evaluation mode too.
            pub fn track_running_stats(mut self, track: bool) -> Self {
                self.track_running_stats = track;
                self
            }

            /// The dtype of parameters and statistics (f32 by default).
            pub fn dtype(mut self, dtype: DType) -> Self {
                self.dtype = dtype;
                self
            }

            /// Builds the layer; nothing is drawn.
            ///
            /// # Errors
            /// If the dtype is not a float type, or the memory cannot be had.
            pub fn build(self) -> Result<$layer> {
                crate::layers::default_init::check_float(self.dtype)?;
                let (n, dtype) = (self.num_features, self.dtype);
                let zeros = Tensor::try_zeros_of([n], dtype)?;
                let ones = Tensor::try_ones_of([n], dtype)?;
                let count = Tensor::try_zeros_of((), DType::I64)?;
                let track = self.track_running_stats;
                Ok($layer {
                    node: Node::new(),
                    num_features: n,
                    eps: Setting::new(self.eps),
                    momentum: Setting::new(self.momentum),
                    weight: self.affine.then(|| Parameter::new(&ones)),
                    bias: (self.affine && self.bias).then(|| Parameter::new(&zeros)),
                    running_mean: track.then(|| Buffer::new(zeros)),
                    running_var: track.then(|| Buffer::new(ones)),
                    num_batches_tracked: track.then(|| Buffer::new(count)),
                    folded: false,
                })
            }
        }
    };
}
pub(super) use batch_norm;
