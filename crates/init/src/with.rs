//! [`with`]: an initialiser with a generator of one's own.

use pleach_core::{Generator, Result, Target, Tensor};

/// A target that is filled from a given generator; made by [`with`].
pub struct With<'g, T> {
    generator: &'g Generator,
    /// What is filled.
    pub target: T,
}

/// The same target, filled from this generator instead of the current one: PyTorch's
/// `generator=` argument, for every initialiser.
///
/// ```
/// use pleach::{Generator, Parameter, Tensor};
/// use pleach::init as init;
///
/// let generator = Generator::seeded(42);
/// let weight = Parameter::new(Tensor::zeros([2]));
/// init::uniform_(init::with(&generator, &weight), 0.0, 1.0)?;
/// assert_eq!(weight.data().to_vec::<f32>()?, [0.88226926, 0.91500396]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn with<T: Target>(generator: &Generator, target: T) -> With<'_, T> {
    With { generator, target }
}

impl<T: Target> Target for With<'_, T> {
    fn change_values(self, f: impl FnOnce(&mut Tensor) -> Result<()>) -> Result<Self> {
        let With { generator, target } = self;
        let target = generator.scope(|| target.change_values(f))?;
        Ok(With { generator, target })
    }
}
