//! [`Buffer`]: a tensor that belongs to a module's state but is not trained.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::done;
use crate::parameter::{ValueCell, unrecorded};
use crate::{DType, Result, Tensor};

/// The identity of a [`Buffer`]: equal for its shared handles, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(u64);

/// A handle to a tensor without gradient: running statistics, masks, position tables.
///
/// As with [`Parameter`](crate::Parameter), `share` aliases and `deep_copy` copies.
///
/// ```
/// use pleach::{tensor, Buffer};
/// let mean = Buffer::new(tensor![0.0, 0.0]);
/// mean.set(tensor![1.0, 2.0]);
/// assert_eq!(mean.tensor().to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub struct Buffer(Arc<Inner>);

struct Inner {
    id: u64,
    persistent: bool,
    cell: ValueCell,
}

const WHAT: &str = "buffer";

impl Buffer {
    /// A buffer that is saved with the model.
    pub fn new(data: impl Into<Tensor>) -> Self {
        Self::with_persistent(data.into(), true)
    }

    /// A buffer that is not saved with the model: listed, but in no state dict.
    pub fn non_persistent(data: impl Into<Tensor>) -> Self {
        Self::with_persistent(data.into(), false)
    }

    fn with_persistent(data: Tensor, persistent: bool) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Buffer(Arc::new(Inner {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            persistent,
            cell: ValueCell::new(data.detach()),
        }))
    }

    /// The same buffer under another name.
    pub fn share(&self) -> Self {
        Buffer(self.0.clone())
    }

    /// A new buffer with equal values.
    ///
    /// # Panics
    /// Inside this buffer's own [`update`](Buffer::update); see [`Buffer::try_tensor`].
    #[track_caller]
    pub fn deep_copy(&self) -> Self {
        match self.0.cell.uninitialized() {
            None => Self::with_persistent(self.tensor(), self.0.persistent),
            Some(dtype) => {
                let copy = Self::with_persistent(Tensor::zeros([0]), self.0.persistent);
                done(copy.0.cell.forget(dtype, WHAT));
                copy
            }
        }
    }

    /// Its identity, equal for shared handles only.
    pub fn id(&self) -> BufferId {
        BufferId(self.0.id)
    }

    /// Whether two handles are the same buffer.
    pub fn same(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether it is saved with the model.
    pub fn is_persistent(&self) -> bool {
        self.0.persistent
    }

    /// The values; no copy.
    ///
    /// # Panics
    /// Inside this buffer's own [`update`](Buffer::update), which has taken the values out; see
    /// [`Buffer::try_tensor`]. The same is true of whatever reads the buffer.
    #[track_caller]
    pub fn tensor(&self) -> Tensor {
        done(self.try_tensor())
    }

    /// [`Buffer::tensor`] as a `Result`.
    ///
    /// # Errors
    /// Inside this buffer's own [`update`](Buffer::update), which has taken the values out.
    pub fn try_tensor(&self) -> Result<Tensor> {
        self.0.cell.get(WHAT)
    }

    /// Replaces the values.
    ///
    /// # Panics
    /// Inside this buffer's own [`update`](Buffer::update); see [`Buffer::try_set`].
    #[track_caller]
    pub fn set(&self, data: impl Into<Tensor>) {
        done(self.try_set(data));
    }

    /// [`Buffer::set`] as a `Result`.
    ///
    /// # Errors
    /// Inside this buffer's own [`update`](Buffer::update), which has taken the values out.
    pub fn try_set(&self, data: impl Into<Tensor>) -> Result<()> {
        self.0.cell.set(data.into().detach(), WHAT)
    }

    /// Changes the values in place: `buffer.update(|t| t.fill_(0.0).map(drop))`. Nothing is
    /// recorded.
    ///
    /// The values are taken out meanwhile. On this thread, `f` cannot read the buffer
    /// ([`Buffer::try_tensor`] is an error then); other threads wait until they are back, so two
    /// updates that read each other's buffers would wait for ever.
    ///
    /// # Errors
    /// What `f` returns, and inside another update of this buffer.
    pub fn update<R>(&self, f: impl FnOnce(&mut Tensor) -> Result<R>) -> Result<R> {
        self.0.cell.update(WHAT, |value| unrecorded(value, f))
    }

    /// The sizes of the dimensions.
    ///
    /// # Panics
    /// Inside this buffer's own [`update`](Buffer::update); see [`Buffer::try_tensor`].
    #[track_caller]
    pub fn shape(&self) -> Vec<usize> {
        self.tensor().shape().to_vec()
    }

    /// The type of the elements.
    ///
    /// # Panics
    /// Inside this buffer's own [`update`](Buffer::update); see [`Buffer::try_tensor`].
    #[track_caller]
    pub fn dtype(&self) -> DType {
        let unknown = self.0.cell.uninitialized();
        unknown.unwrap_or_else(|| self.tensor().dtype())
    }

    /// Forgets the values: PyTorch's `UninitializedBuffer`. See
    /// [`Parameter::uninitialize`](crate::Parameter::uninitialize).
    ///
    /// # Errors
    /// Inside this buffer's own [`update`](Buffer::update).
    pub fn uninitialize(&self) -> Result<()> {
        if self.is_uninitialized() {
            return Ok(());
        }
        let dtype = self.try_tensor()?.dtype();
        self.0.cell.forget(dtype, WHAT)
    }

    /// Whether it has no values yet: see [`Buffer::uninitialize`].
    pub fn is_uninitialized(&self) -> bool {
        self.0.cell.uninitialized().is_some()
    }

    /// Converts the values to another dtype.
    ///
    /// # Errors
    /// Inside this buffer's own [`update`](Buffer::update).
    pub fn convert(&self, dtype: DType) -> Result<()> {
        match self.is_uninitialized() {
            true => self.0.cell.forget(dtype, WHAT),
            false => self.try_set(self.try_tensor()?.to_dtype(dtype)?),
        }
    }
}

impl fmt::Display for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_tensor() {
            Ok(tensor) => tensor.fmt(f),
            Err(_) if self.is_uninitialized() => f.write_str("<UninitializedBuffer>"),
            Err(_) => f.write_str("<in its update>"),
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
