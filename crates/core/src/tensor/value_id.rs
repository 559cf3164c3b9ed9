//! [`ValueId`]: whether a tensor's values are still those that something was made from.

use std::sync::{Arc, Weak};

use super::{Tensor, Value};

/// Recognises the values of a tensor, without holding them: for what is costly to make from a
/// weight, and has to be made again once the weight has changed.
///
/// ```
/// use pleach::{Parameter, tensor};
/// let weight = Parameter::new(tensor![1.0, 2.0]);
/// let id = weight.tensor().value_id();
/// assert!(id.is_of(&weight.tensor()));
/// weight.data().mul_(2.0)?; // in place, no copy is made
/// assert!(!id.is_of(&weight.tensor()));
/// # Ok::<(), pleach::Error>(())
/// ```
// A weak pointer keeps the place (no other value gets its address), but neither value nor memory:
// whoever writes in place first moves the value to another place (`Arc::make_mut`).
#[derive(Clone)]
pub struct ValueId(Weak<Value>);

impl ValueId {
    /// Whether these are the values, unchanged, that the id was taken of.
    pub fn is_of(&self, tensor: &Tensor) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&tensor.value))
    }

    /// A number that no other value has while this id lives.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr() as usize
    }
}

/// # Identity of values
impl Tensor {
    /// What recognises these values later; see [`ValueId`].
    pub fn value_id(&self) -> ValueId {
        ValueId(Arc::downgrade(&self.value))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Parameter, Tensor, no_grad, tensor};

    #[test]
    fn every_way_to_change_a_parameter_changes_its_id() {
        type Change = fn(&Parameter);
        let changes: [Change; 9] = [
            |p| p.data().fill_(2.0).map(drop).unwrap(),
            |p| p.data().add_(1.0).map(drop).unwrap(),
            |p| p.data().normal_(0.0, 1.0).map(drop).unwrap(),
            |p| p.data().set(tensor![5.0, 6.0]).map(drop).unwrap(),
            |p| p.set_data(tensor![5.0, 6.0]).unwrap(),
            |p| p.update::<f32>(|mut w| w[[0]] = 7.0).unwrap(),
            |p| p.update_slice::<f32>(|w| w[1] = 7.0).unwrap(),
            |p| no_grad(|| p.mul_(3.0).map(drop)).unwrap(),
            |p| p.data().copy_(&tensor![5.0, 6.0]).map(drop).unwrap(),
        ];
        for (i, change) in changes.iter().enumerate() {
            let p = Parameter::new(tensor![1.0, 2.0]);
            let id = p.tensor().value_id();
            let address = p.data().storage_id();
            assert!(id.is_of(&p.tensor()) && id.is_of(&p.data()), "{i}");
            change(&p);
            assert!(!id.is_of(&p.tensor()), "change {i}");
            // In place all the same, where the method works in place.
            if matches!(i, 0 | 5 | 6) {
                assert_eq!(p.data().storage_id(), address, "change {i}");
            }
        }
    }

    #[test]
    fn a_change_of_one_value_leaves_the_id_of_its_copies() {
        let mut x = tensor![1.0, 2.0];
        let y = x.clone();
        let id = y.value_id();
        x.fill_(0.0).unwrap();
        assert!(id.is_of(&y) && !id.is_of(&x));
        assert!(!id.is_of(&Tensor::zeros([2])));
    }
}
