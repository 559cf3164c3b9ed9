//! What an optimizer remembers of one parameter.

use pleach_core::{DType, Element, Error, Parameter, Result, Tensor, size_text};
use smallvec::SmallVec;

use crate::{Options, StateValue};

/// What an optimizer remembers of one parameter.
#[derive(Debug, Default)]
pub(crate) struct ParameterState {
    /// The number of steps.
    pub count: u64,
    /// Tensors by their names, those of the rule first.
    tensors: SmallVec<[(String, Tensor); 3]>,
    /// What else was loaded.
    others: Options,
}

/// The name of the number of steps.
const STEP: &str = "step";

impl ParameterState {
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, tensor)| tensor)
    }

    /// Counts a step, and puts the tensors of these names first, in the parameter's dtype; one that
    /// is not there yet is made. Says whether one was made.
    pub fn prepare(&mut self, names: &[&str], parameter: &Parameter, dtype: DType) -> Result<bool> {
        let mut made = false;
        for (place, name) in names.iter().enumerate() {
            let found = self.tensors.iter().position(|(own, _)| own == name);
            let found = match found {
                Some(found) => found,
                None => {
                    made = true;
                    let zeros = Tensor::try_zeros_of(parameter.shape(), dtype)?;
                    self.tensors.push((name.to_string(), zeros));
                    self.tensors.len() - 1
                }
            };
            self.tensors.swap(place, found);
            let tensor = &mut self.tensors[place].1;
            if tensor.dtype() != dtype {
                *tensor = tensor.to_dtype(dtype)?;
            }
        }
        self.count += 1;
        Ok(made)
    }

    /// The first tensors, to be changed.
    pub fn slices<T: Element>(&mut self, n: usize) -> Result<SmallVec<[&mut [T]; 3]>> {
        let tensors = self.tensors.iter_mut().take(n);
        tensors
            .map(|(_, tensor)| tensor.as_mut_slice::<T>())
            .collect()
    }

    /// As PyTorch's dictionary.
    pub fn saved(&self, counts: bool) -> Options {
        let step = Tensor::scalar(self.count as f64);
        let step = counts.then(|| (STEP.to_string(), StateValue::Tensor(step)));
        let tensors = self.tensors.iter();
        let tensors =
            tensors.map(|(name, tensor)| (name.clone(), StateValue::Tensor(tensor.clone())));
        step.into_iter()
            .chain(tensors)
            .chain(self.others.iter().cloned())
            .collect()
    }

    /// From what was saved for a parameter, in its dtype; `names` are those of the rule.
    ///
    /// # Errors
    /// If a tensor of the rule has not the parameter's shape, or `step` is no number.
    pub fn loaded(
        names: &[&str],
        counts: bool,
        number: usize,
        saved: &Options,
        parameter: &Parameter,
    ) -> Result<Self> {
        let mut out = ParameterState::default();
        for (name, value) in saved {
            match value {
                value if counts && name == STEP => {
                    let count = value.number().filter(|n| *n >= 0.0);
                    out.count = count.ok_or_else(|| {
                        Error::value(format!(
                            "loaded state dict has {value} for the 'step' of parameter {number}"
                        ))
                    })? as u64;
                }
                // PyTorch writes None where there was nothing to keep.
                StateValue::None => {}
                StateValue::Tensor(tensor) => {
                    if names.contains(&name.as_str()) && tensor.shape() != parameter.shape() {
                        return Err(Error::shape(format!(
                            "loaded state dict has a {name} of {} for parameter {number} of {}",
                            size_text(tensor.shape()),
                            size_text(&parameter.shape())
                        )));
                    }
                    let tensor = tensor.detach().to_dtype(parameter.dtype())?;
                    out.tensors.push((name.clone(), tensor));
                }
                value => out.others.push((name.clone(), value.clone())),
            }
        }
        Ok(out)
    }
}
