//! [`PackedCache`]: what inference makes of a layer's weights, kept until they change.

use std::sync::{Arc, Mutex, PoisonError};

use pleach_core::autograd::is_grad_enabled;
use pleach_core::{Tensor, ValueId};

/// A form `P` of a layer's weights that is costly to make, for one kind of input, `K`.
///
/// It is made again when the weights or the kind of input are not those that it was made for. Nothing of the weights is held, so a change in place stays one.
pub(super) struct PackedCache<K, P>(Mutex<Option<Entry<K, P>>>);

struct Entry<K, P> {
    weight: ValueId,
    kind: K,
    packed: Arc<P>,
}

impl<K: PartialEq, P> PackedCache<K, P> {
    pub fn get(&self, weight: &Tensor, kind: K, pack: impl FnOnce() -> P) -> Arc<P> {
        let fits = |entry: &Entry<K, P>| entry.kind == kind && entry.weight.is_of(weight);
        if let Some(entry) = &*self.lock()
            && fits(entry)
        {
            return entry.packed.clone();
        }
        // Not under the lock: another thread may pack at the same time, to the same end.
        let packed = Arc::new(pack());
        *self.lock() = Some(Entry {
            weight: weight.value_id(),
            kind,
            packed: packed.clone(),
        });
        packed
    }

    /// Forgets it: its memory is of no use while the weights are trained.
    pub fn clear(&self) {
        let _old = self.lock().take();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Entry<K, P>>> {
        // An entry is only ever replaced whole, so a poisoned lock still guards a valid one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, P> Default for PackedCache<K, P> {
    fn default() -> Self {
        PackedCache(Mutex::new(None))
    }
}

/// A copy of a layer, or an alias, packs for itself.
impl<K, P> Clone for PackedCache<K, P> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Whether an operation of these tensors is recorded.
pub(super) fn is_recorded(tensors: [Option<&Tensor>; 3]) -> bool {
    is_grad_enabled() && tensors.into_iter().flatten().any(Tensor::requires_grad)
}
