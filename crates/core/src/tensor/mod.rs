//! [`Tensor`]: a value with a dtype, a shape, and maybe a history.
//!
//! A tensor holds the [`Node`] that it comes from, a node what its gradient's way goes on to, a leaf a
//! tensor, its gradient: the types that form this circle stand here. What happens along it is in
//! [`autograd`](crate::autograd).

mod access;
mod bytes;
mod convert;
mod create;
mod display;
mod spaced;
mod strided;
mod triangles;
mod value_id;

#[doc(hidden)]
pub use create::{LiteralValues, TensorLiteral};
pub use value_id::ValueId;

use std::sync::{Arc, Mutex, OnceLock};

use pleach_kernels::Buffer;
use smallvec::SmallVec;

use crate::autograd::ModuleCall;
use crate::extent::checked_numel;
use crate::hooks::HookList;
use crate::shape::{Layout, Shape};
use crate::storage::Storage;
use crate::{DType, Element, Error, Result};

/// An n-dimensional array of numbers.
///
/// A tensor is a cheap handle to shared memory: `clone` copies a pointer. It is also a *value*:
/// views (`transpose`, `index`, `expand`, …) share memory with it, but in-place methods copy
/// what is shared before they write, so no other tensor and no graph ever sees the change.
///
/// ```
/// use pleach::{tensor, Tensor};
/// let x = tensor![[1., 2.], [3., 4.]];
/// let y = (&x * 10.0).add(&x)?;
/// assert_eq!(y.to_vec::<f32>()?, [11., 22., 33., 44.]);
/// assert_eq!(x.transpose(0, 1)?.to_vec::<f32>()?, [1., 3., 2., 4.]);
/// assert_eq!(x.sum()?.item()?, 10.0);
/// # Ok::<(), pleach::Error>(())
/// ```
///
/// Its methods stand below under their topics: creation, shape and dtype, views, indexing, arithmetic, functions
/// of each element, reductions, products of matrices, gradients, access to the elements, and so on. A
/// method that changes the tensor ends in an underscore, as in PyTorch.
#[derive(Clone)]
pub struct Tensor {
    value: Arc<Value>,
    /// Beside the value, so that a detached handle to it costs no memory.
    history: History,
}

/// What all handles with or without history have in common.
#[derive(Clone)]
pub(crate) struct Value {
    storage: Storage,
    layout: Layout,
}

/// How a tensor came to be, and where its gradient goes.
#[derive(Clone)]
pub(crate) enum History {
    /// A constant.
    None,
    /// A leaf that requires a gradient.
    Leaf(Arc<Leaf>),
    /// Depends on recorded values in a way whose derivative is not known.
    Blocked(&'static str),
    /// An output of a recorded operation.
    Op { node: Arc<Node>, output: u32 },
}

/// Where a gradient is accumulated: the identity of a leaf.
pub(crate) struct Leaf {
    pub id: u64,
    pub grad: Mutex<Option<Tensor>>,
    /// Shape and dtype of its values, once they have changed: what gradients of older graphs may
    /// not fit.
    pub changed: Mutex<Option<(Shape, DType)>>,
    pub hooks: OnceLock<HookList<GradHook>>,
}

/// A function that sees a gradient, and may return another one.
pub(crate) type GradHook = dyn Fn(&Tensor) -> Result<Option<Tensor>> + Send + Sync;

/// A recorded operation.
pub struct Node {
    /// Larger than the ids of all nodes it depends on.
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    /// Whether the outputs are views of the first input.
    pub(crate) view: bool,
    pub(crate) outputs: usize,
    pub(crate) inputs: SmallVec<[Edge; 3]>,
    /// Gone once the graph has been freed.
    pub(crate) step: Mutex<Option<Box<dyn Step>>>,
    pub(crate) watches: Mutex<Vec<Watch>>,
}

/// What a node knows of an input: where its gradient goes, and the shape and dtype that it has.
pub(crate) struct Edge {
    pub history: History,
    pub shape: Shape,
    pub dtype: DType,
}

/// Who wants to see the gradient of an output.
#[derive(Default)]
pub(crate) struct Watch {
    pub output: u32,
    /// They see it, and may change it.
    pub hooks: HookList<GradHook>,
    /// Whether it is kept.
    pub retain: bool,
    pub grad: Option<Tensor>,
}

/// The gradients of an operation's inputs, in their order; `None` for an input that needs none.
pub type InputGrads = SmallVec<[Option<Tensor>; 3]>;

/// An operation with what it keeps for backward.
pub(crate) trait Step: Send + Sync {
    /// The gradients of the inputs from those of the outputs.
    fn backward(
        &self,
        node: &Arc<Node>,
        grads: &[Option<Tensor>],
        recording: bool,
    ) -> Result<InputGrads>;
    /// Whether it holds values that `backward()` should free.
    fn has_saved(&self) -> bool;
    /// The module in whose call the operation ran, if somebody listened.
    fn module(&self) -> Option<&Arc<ModuleCall>>;
}

/// # Shape and dtype
impl Tensor {
    #[inline]
    pub(crate) fn new(storage: Storage, layout: Layout, history: History) -> Self {
        Tensor {
            value: Arc::new(Value { storage, layout }),
            history,
        }
    }

    /// A contiguous tensor that owns this buffer.
    ///
    /// # Panics
    /// Where [`Tensor::try_from_buffer`] returns an error.
    #[track_caller]
    pub fn from_buffer<T: Element>(buffer: Buffer<T>, shape: impl crate::IntoShape) -> Tensor {
        Self::from_buffer_shaped(buffer, shape.into_shape())
    }

    #[track_caller]
    fn from_buffer_shaped<T: Element>(buffer: Buffer<T>, shape: Shape) -> Tensor {
        assert_eq!(
            checked_numel(&shape).ok(),
            Some(buffer.len()),
            "a buffer of {} elements cannot have shape {shape:?}",
            buffer.len()
        );
        Self::new(
            T::into_storage(Arc::new(buffer)),
            Layout::contiguous(shape),
            History::None,
        )
    }

    /// The sizes of the dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.value.layout.shape
    }

    /// The size of one dimension; negative counts from the end.
    pub fn size(&self, dim: i64) -> Result<usize> {
        let d = crate::shape::resolve_dim(dim, self.rank())?;
        self.shape().get(d).copied().ok_or_else(|| {
            Error::index(format!(
                "Dimension specified as {dim} but tensor has no dimensions"
            ))
        })
    }

    /// Steps between neighbours along each dimension, in elements.
    pub fn strides(&self) -> &[usize] {
        &self.value.layout.strides
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.value.layout.shape.len()
    }

    /// The number of elements.
    pub fn numel(&self) -> usize {
        self.value.layout.numel()
    }

    /// The type of the elements.
    pub fn dtype(&self) -> DType {
        self.value.storage.dtype()
    }

    /// Whether the elements lie row by row without gaps.
    pub fn is_contiguous(&self) -> bool {
        self.value.layout.is_contiguous()
    }

    /// Whether two tensors share memory, as a view and its base do.
    pub fn shares_memory_with(&self, other: &Tensor) -> bool {
        self.value.storage.address() == other.value.storage.address()
    }

    /// A tensor of a value that another one has too.
    pub(crate) fn from_value(value: Arc<Value>, history: History) -> Self {
        Tensor { value, history }
    }

    pub(crate) fn value(&self) -> &Arc<Value> {
        &self.value
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.value.layout
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    pub(crate) fn with_history(mut self, history: History) -> Tensor {
        self.history = history;
        self
    }

    pub(crate) fn set_history(&mut self, history: History) {
        self.history = history;
    }

    /// Whether this handle alone holds the memory: what is written then is seen by nobody else.
    pub(crate) fn is_unshared(&mut self) -> bool {
        match Arc::get_mut(&mut self.value) {
            Some(value) => value.storage.is_unshared(),
            None => false,
        }
    }

    /// Another view of the same memory, without history.
    pub(crate) fn with_layout(&self, layout: Layout) -> Tensor {
        Self::new(self.value.storage.clone(), layout, History::None)
    }

    /// The same values without history: no gradient flows through it.
    pub fn detach(&self) -> Tensor {
        Tensor {
            value: self.value.clone(),
            history: History::None,
        }
    }

    /// The shape as an owned value.
    pub(crate) fn shape_vec(&self) -> Shape {
        Shape::from_slice(self.shape())
    }
}
