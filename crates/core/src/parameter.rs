//! [`Parameter`]: a tensor that a model owns and an optimizer changes.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread::{self, ThreadId};

use ndarray::ArrayViewMutD;

use crate::autograd::{check_grad, no_grad};
use crate::error::done;
use crate::tensor::{History, Leaf};
use crate::{DType, Element, Error, HookHandle, Result, Tensor};

/// The identity of a [`Parameter`]: equal for its shared handles, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(u64);

/// A handle to a tensor with a gradient: what a layer holds and an optimizer steps.
///
/// There is no `Clone`: [`Parameter::share`] makes another name of the *same* parameter,
/// [`Parameter::deep_copy`] a new one with equal values.
///
/// ```
/// use pleach::{tensor, Parameter};
/// let w = Parameter::new(tensor![1.0, 2.0]);
/// let loss = w.tensor().mul(&w.tensor())?.sum()?;
/// loss.backward()?;
/// assert_eq!(w.grad().unwrap().to_vec::<f32>()?, [2.0, 4.0]);
/// w.data().fill_(0.5)?; // PyTorch's w.data.fill_(0.5)
/// assert_eq!(w.data().to_vec::<f32>()?, [0.5, 0.5]);
/// # Ok::<(), pleach::Error>(())
/// ```
pub struct Parameter(Arc<Inner>, Place);

/// How the field of a module that holds a parameter may compute its value; all aliases of the module
/// have one in common. Made when it is first asked for.
type Place = OnceLock<Arc<OnceLock<Box<dyn Computed>>>>;

/// A value that is computed whenever a module's field is read: see
/// [`Parameter::set_computed`].
pub trait Computed: Any + Send + Sync {
    /// The value, with its history; `None` if it is computed no more.
    fn tensor(&self) -> Option<Result<Tensor>>;
    /// Changes what the value is computed of, so that it becomes this one.
    fn assign(&self, value: &Tensor) -> Result<()>;
    /// Whether the value depends on something that requires a gradient.
    fn requires_grad(&self) -> bool;
    /// Whether it is still computed.
    fn is_live(&self) -> bool;
    /// For downcasts.
    fn as_any(&self) -> &dyn Any;
}

struct Inner {
    leaf: Arc<Leaf>,
    /// As it was set, which holds while the parameter is not frozen.
    requires_grad: AtomicBool,
    frozen: AtomicBool,
    cell: ValueCell,
}

/// A tensor that can be read by handle, and taken out while it is changed.
pub(crate) struct ValueCell {
    value: Mutex<Slot>,
    returned: Condvar,
    /// How many threads wait for the value to be put back; changed under the lock.
    waiting: AtomicUsize,
}

enum Slot {
    Here(Tensor),
    /// Taken out by this thread's `update`.
    Taken(ThreadId),
    /// Not known yet, but for its dtype.
    Uninitialized(DType),
}

fn uninitialized(what: &str) -> Error {
    Error::value(format!(
        "Attempted to use an uninitialized {what}. This error happens when you are using a lazy layer: call `forward` with a dummy batch to initialize the parameters before using them"
    ))
}

impl ValueCell {
    pub fn new(value: Tensor) -> Self {
        ValueCell {
            value: Mutex::new(Slot::Here(value)),
            returned: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// The slot, once its value is there. Whoever took it out would wait for itself: an error.
    fn wait(&self, what: &str) -> Result<MutexGuard<'_, Slot>> {
        // A slot is only ever replaced whole, so a poisoned lock still guards a valid one.
        let mut slot = self.value.lock().unwrap_or_else(|e| e.into_inner());
        while let Slot::Taken(by) = &*slot {
            if *by == thread::current().id() {
                return Err(Error::value(format!(
                    "a {what} was used inside its own update, which has taken its value out"
                )));
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
            slot = self.returned.wait(slot).unwrap_or_else(|e| e.into_inner());
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(slot)
    }

    pub fn get(&self, what: &str) -> Result<Tensor> {
        match &*self.wait(what)? {
            Slot::Here(value) => Ok(value.clone()),
            Slot::Uninitialized(_) => Err(uninitialized(what)),
            Slot::Taken(_) => unreachable!("wait returns when the value is there"),
        }
    }

    /// The dtype that the value will have, if it is not known yet.
    pub fn uninitialized(&self) -> Option<DType> {
        match &*self.value.lock().unwrap_or_else(|e| e.into_inner()) {
            Slot::Uninitialized(dtype) => Some(*dtype),
            _ => None,
        }
    }

    /// Forgets the value, but for the dtype of the next one.
    pub fn forget(&self, dtype: DType, what: &str) -> Result<()> {
        let slot = Slot::Uninitialized(dtype);
        let old = std::mem::replace(&mut *self.wait(what)?, slot);
        drop(old);
        Ok(())
    }

    pub fn set(&self, value: Tensor, what: &str) -> Result<()> {
        let old = std::mem::replace(&mut *self.wait(what)?, Slot::Here(value));
        drop(old);
        Ok(())
    }

    /// Takes the value out (so that `f` may be its only owner), and puts back what `f` leaves,
    /// also when `f` fails or panics.
    pub fn update<R>(&self, what: &str, f: impl FnOnce(&mut Tensor) -> Result<R>) -> Result<R> {
        struct PutBack<'a> {
            cell: &'a ValueCell,
            value: Option<Tensor>,
        }
        impl Drop for PutBack<'_> {
            fn drop(&mut self) {
                if let Some(value) = self.value.take() {
                    let mut slot = self.cell.value.lock().unwrap_or_else(|e| e.into_inner());
                    *slot = Slot::Here(value);
                    // Notifying is a system call.
                    if self.cell.waiting.load(Ordering::Relaxed) > 0 {
                        self.cell.returned.notify_all();
                    }
                }
            }
        }
        let mut slot = self.wait(what)?;
        let value = match &*slot {
            Slot::Here(value) => value.clone(),
            _ => return Err(uninitialized(what)),
        };
        // The other handle goes.
        *slot = Slot::Taken(thread::current().id());
        drop(slot);
        let mut back = PutBack {
            cell: self,
            value: Some(value),
        };
        f(back
            .value
            .as_mut()
            .expect("the value is put back by drop only"))
    }
}

/// Runs a change of a stored value without recording: what a parameter or buffer holds never has
/// a history, even if the change mixes in tensors that do.
pub(crate) fn unrecorded<R>(
    value: &mut Tensor,
    f: impl FnOnce(&mut Tensor) -> Result<R>,
) -> Result<R> {
    let result = no_grad(|| f(value));
    if value.requires_grad() {
        *value = value.detach();
    }
    result
}

const WHAT: &str = "parameter";

impl Parameter {
    /// A parameter that requires a gradient.
    ///
    /// # Panics
    /// If the tensor is not of a float dtype; see [`Parameter::try_new`].
    #[track_caller]
    pub fn new(data: impl Into<Tensor>) -> Self {
        done(Self::try_new(data))
    }

    /// A parameter that requires a gradient.
    ///
    /// # Errors
    /// If the tensor is not of a float dtype.
    pub fn try_new(data: impl Into<Tensor>) -> Result<Self> {
        let data = data.into();
        if !data.dtype().is_float() {
            return Err(Error::autograd(
                "Only Tensors of floating point and complex dtype can require gradients",
            )
            .hint_conversion(data.dtype(), DType::F32));
        }
        Ok(Self::with_requires_grad(data, true))
    }

    /// A parameter without a gradient, of any dtype.
    pub fn frozen(data: impl Into<Tensor>) -> Self {
        Self::with_requires_grad(data.into(), false)
    }

    fn with_requires_grad(data: Tensor, on: bool) -> Self {
        let inner = Inner {
            leaf: Leaf::new(),
            requires_grad: AtomicBool::new(on),
            frozen: AtomicBool::new(false),
            cell: ValueCell::new(data.detach()),
        };
        Parameter(Arc::new(inner), Place::new())
    }

    /// The same parameter under another name: values, gradient and identity are one.
    pub fn share(&self) -> Self {
        Parameter(self.0.clone(), Place::new())
    }

    /// The same parameter in the same place, for an alias of its module: what is computed for one is
    /// computed for both.
    #[doc(hidden)]
    pub fn alias(&self) -> Self {
        let place = self.1.get_or_init(Arc::default).clone();
        Parameter(self.0.clone(), Place::from(place))
    }

    /// From now on, the module's field that this is has a computed value: what reads it gets that,
    /// and what changes its values is an error, but for [`Parameter::set_data`]. Handles of
    /// [`Parameter::share`] stay what they are. Fails where there is one already.
    #[doc(hidden)]
    pub fn set_computed(&self, computed: Box<dyn Computed>) -> bool {
        let place = self.1.get_or_init(Arc::default);
        place.set(computed).is_ok()
    }

    /// What computes the value in this place, or did so.
    #[doc(hidden)]
    pub fn computed(&self) -> Option<&dyn Computed> {
        Some(&**self.1.get()?.get()?)
    }

    /// What tells this place from others: equal for aliases.
    #[doc(hidden)]
    pub fn place(&self) -> Option<usize> {
        self.1.get().map(|place| Arc::as_ptr(place) as usize)
    }

    /// What computes the value now.
    fn live(&self) -> Option<&dyn Computed> {
        self.computed().filter(|c| c.is_live())
    }

    fn refuse_computed(&self) -> Result<()> {
        match self.live() {
            None => Ok(()),
            Some(_) => Err(Error::value(
                "the value of a parametrized or pruned parameter is computed: it is set by `set_data`, or by changing what it is computed of",
            )),
        }
    }

    /// A new parameter with equal values and `requires_grad`, as frozen as this one, and with a copy
    /// of the gradient.
    ///
    /// # Panics
    /// Inside this parameter's own [`update`](Parameter::update); see [`Parameter::try_tensor`].
    #[track_caller]
    pub fn deep_copy(&self) -> Self {
        let on = self.0.requires_grad.load(Ordering::Relaxed);
        let copy = match self.0.cell.uninitialized() {
            None => Self::with_requires_grad(done(self.0.cell.get(WHAT)), on),
            Some(dtype) => {
                let copy = Self::with_requires_grad(Tensor::zeros([0]), on);
                done(copy.0.cell.forget(dtype, WHAT));
                copy
            }
        };
        copy.set_frozen(self.is_frozen());
        copy.0.leaf.set_grad(self.grad());
        copy
    }

    /// Its identity, equal for shared handles only.
    pub fn id(&self) -> ParamId {
        ParamId(self.0.leaf.id)
    }

    /// The number of handles to this parameter, this one included: 1 means that nothing else, no
    /// layer and no optimizer, holds it.
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Whether two handles are the same parameter.
    pub fn same(&self, other: &Parameter) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn try_value(&self) -> Result<Tensor> {
        match self.computed().and_then(|c| no_grad(|| c.tensor())) {
            None => self.0.cell.get(WHAT),
            Some(value) => Ok(value?.detach()),
        }
    }

    #[track_caller]
    fn value(&self) -> Tensor {
        done(self.try_value())
    }

    /// The tensor that forward computes with: a leaf of the graph while it requires a gradient.
    ///
    /// # Panics
    /// Inside this parameter's own [`update`](Parameter::update), which has taken the values out;
    /// see [`Parameter::try_tensor`]. The same is true of whatever reads the parameter, such as its
    /// layer's `forward`.
    #[track_caller]
    pub fn tensor(&self) -> Tensor {
        done(self.try_tensor())
    }

    /// [`Parameter::tensor`] as a `Result`.
    ///
    /// # Errors
    /// Inside this parameter's own [`update`](Parameter::update), which has taken the values out.
    pub fn try_tensor(&self) -> Result<Tensor> {
        if let Some(value) = self.computed().and_then(Computed::tensor) {
            return value;
        }
        let value = self.0.cell.get(WHAT)?;
        Ok(match self.requires_grad() {
            true => value.with_history(History::Leaf(self.0.leaf.clone())),
            false => value,
        })
    }

    /// PyTorch's `.data`: reads like a tensor without history (no copy), and its in-place
    /// methods write through to the parameter without being recorded.
    ///
    /// # Panics
    /// Inside this parameter's own [`update`](Parameter::update); see [`Parameter::try_tensor`].
    #[track_caller]
    pub fn data(&self) -> Data {
        Data {
            snapshot: self.value(),
            parameter: match self.1.get() {
                None => self.share(),
                Some(_) => self.alias(),
            },
        }
    }

    /// Replaces the values; shape and dtype may change, as with PyTorch's `.data = `. A gradient
    /// of another shape or dtype is dropped.
    ///
    /// # Errors
    /// If it requires a gradient and the new dtype is not a float type, or inside the parameter's
    /// own [`update`](Parameter::update).
    pub fn set_data(&self, data: impl Into<Tensor>) -> Result<()> {
        let data = data.into().detach();
        if let Some(computed) = self.live() {
            return no_grad(|| computed.assign(&data));
        }
        if self.requires_grad() && !data.dtype().is_float() {
            return Err(Error::dtype(format!(
                "a parameter that requires grad cannot hold {}",
                data.dtype()
            )));
        }
        let old = match self.is_uninitialized() {
            true => data.clone(),
            false => self.try_value()?,
        };
        if !data.dtype().is_float() {
            // A frozen parameter has nothing to come back to.
            self.0.requires_grad.store(false, Ordering::Relaxed);
        }
        if let Some(grad) = self.grad()
            && (grad.shape() != data.shape() || grad.dtype() != data.dtype())
        {
            self.zero_grad();
        }
        if old.shape() != data.shape() || old.dtype() != data.dtype() {
            self.0.leaf.change(data.shape_vec(), data.dtype());
        }
        self.0.cell.set(data, WHAT)
    }

    /// Forgets the values, and the gradient: PyTorch's `UninitializedParameter`. Until
    /// [`Parameter::set_data`] gives it values, of any shape, only its dtype is known, and whatever
    /// reads it is an error.
    ///
    /// ```
    /// use pleach::{Parameter, tensor};
    /// let w = Parameter::new(tensor![1.0]);
    /// w.uninitialize()?;
    /// assert!(w.is_uninitialized() && w.try_tensor().is_err());
    /// assert_eq!(w.to_string(), "<UninitializedParameter>");
    /// w.set_data(tensor![[2.0, 3.0]])?;
    /// assert_eq!(w.shape(), [1, 2]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    ///
    /// # Errors
    /// Inside this parameter's own [`update`](Parameter::update).
    pub fn uninitialize(&self) -> Result<()> {
        self.zero_grad();
        if self.is_uninitialized() {
            return Ok(());
        }
        let dtype = self.try_value()?.dtype();
        self.0.cell.forget(dtype, WHAT)
    }

    /// Whether it has no values yet: see [`Parameter::uninitialize`].
    pub fn is_uninitialized(&self) -> bool {
        self.live().is_none() && self.0.cell.uninitialized().is_some()
    }

    /// Converts the values, and the gradient, to another dtype.
    ///
    /// # Errors
    /// As [`Parameter::set_data`].
    pub fn convert(&self, dtype: DType) -> Result<()> {
        if self.is_uninitialized() {
            return self.0.cell.forget(dtype, WHAT);
        }
        let grad = self.grad().map(|g| g.to_dtype(dtype)).transpose()?;
        self.set_data(self.try_value()?.to_dtype(dtype)?)?;
        self.set_grad(grad)
    }

    /// Changes the values in place through an `ndarray` view, in row-major order; nothing is
    /// recorded. Memory that a graph or a snapshot still uses is copied first.
    ///
    /// The values are taken out meanwhile. On this thread, `f` cannot read the parameter
    /// ([`Parameter::try_tensor`] is an error then); other threads wait until they are back, so two
    /// updates that read each other's parameters would wait for ever.
    ///
    /// # Errors
    /// If `T` is not the parameter's dtype, or inside another update of this parameter.
    ///
    /// ```
    /// use pleach::{tensor, Parameter};
    /// let w = Parameter::new(tensor![[1.0, 2.0]]);
    /// w.update::<f32>(|mut w| w[[0, 1]] = 7.0)?;
    /// assert_eq!(w.data().to_vec::<f32>()?, [1.0, 7.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn update<T: Element>(&self, f: impl FnOnce(ArrayViewMutD<'_, T>)) -> Result<()> {
        self.write(|tensor| tensor.update(f))
    }

    /// [`Parameter::update`] through a slice of the elements in row-major order: what optimizers
    /// do.
    ///
    /// # Errors
    /// As [`Parameter::update`].
    ///
    /// ```
    /// use pleach::{tensor, Parameter};
    /// let w = Parameter::new(tensor![[1.0, 2.0]]);
    /// w.update_slice::<f32>(|w| w.fill(3.0))?;
    /// assert_eq!(w.data().to_vec::<f32>()?, [3.0, 3.0]);
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn update_slice<T: Element>(&self, f: impl FnOnce(&mut [T])) -> Result<()> {
        self.write(|tensor| tensor.update_slice(f))
    }

    /// Changes the value as a tensor without history; it may be replaced whole.
    pub(crate) fn write<R>(&self, f: impl FnOnce(&mut Tensor) -> Result<R>) -> Result<R> {
        self.refuse_computed()?;
        self.0.cell.update(WHAT, |value| unrecorded(value, f))
    }

    /// The gradient accumulated by `backward`, if there is one.
    pub fn grad(&self) -> Option<Tensor> {
        self.live().map_or_else(|| self.0.leaf.grad(), |_| None)
    }

    /// Sets the gradient.
    ///
    /// # Errors
    /// If its shape or dtype is not the parameter's, or inside the parameter's own
    /// [`update`](Parameter::update).
    pub fn set_grad(&self, grad: Option<Tensor>) -> Result<()> {
        self.refuse_computed()?;
        if let Some(grad) = &grad {
            check_grad(grad, &self.try_value()?)?;
        }
        self.0.leaf.set_grad(grad.map(|g| g.detach()));
        Ok(())
    }

    /// Forgets the gradient.
    pub fn zero_grad(&self) {
        self.0.leaf.set_grad(None);
    }

    /// Whether `backward` computes its gradient.
    pub fn requires_grad(&self) -> bool {
        if let Some(computed) = self.live() {
            return computed.requires_grad();
        }
        self.0.requires_grad.load(Ordering::Relaxed) && !self.is_frozen()
    }

    /// Whether it is held by [`Parameter::set_frozen`].
    pub fn is_frozen(&self) -> bool {
        self.0.frozen.load(Ordering::Relaxed)
    }

    /// Holds the parameter as one without a gradient, or lets it go: then it requires a gradient if
    /// it did before. It keeps the gradient it has.
    ///
    /// ```
    /// use pleach::{Parameter, tensor};
    /// let (w, constant) = (Parameter::new(tensor![1.0]), Parameter::frozen(tensor![2.0]));
    /// for p in [&w, &constant] {
    ///     p.set_frozen(true);
    ///     assert!(!p.requires_grad());
    ///     p.set_frozen(false);
    /// }
    /// assert!(w.requires_grad() && !constant.requires_grad());
    /// ```
    pub fn set_frozen(&self, on: bool) {
        self.0.frozen.store(on, Ordering::Relaxed);
    }

    /// Sets whether it requires a gradient, and ends [`Parameter::set_frozen`]. A parameter that
    /// does not keeps the gradient it has.
    ///
    /// # Errors
    /// If it is turned on and the dtype is not a float type, or inside the parameter's own
    /// [`update`](Parameter::update).
    pub fn set_requires_grad(&self, on: bool) -> Result<()> {
        if on && !self.try_dtype()?.is_float() {
            return Err(Error::autograd(
                "only Tensors of floating point dtype can require gradients",
            ));
        }
        self.0.requires_grad.store(on, Ordering::Relaxed);
        self.set_frozen(false);
        Ok(())
    }

    /// Registers a function that sees the parameter's gradient whenever a backward walk has summed
    /// it, before it is accumulated, and may return another one: see [`Tensor::register_hook`].
    ///
    /// # Errors
    /// If the parameter does not require a gradient.
    pub fn register_hook(
        &self,
        hook: impl Fn(&Tensor) -> Result<Option<Tensor>> + Send + Sync + 'static,
    ) -> Result<HookHandle> {
        self.try_tensor()?.register_hook(hook)
    }

    /// The sizes of the dimensions.
    ///
    /// # Panics
    /// Inside this parameter's own [`update`](Parameter::update); see [`Parameter::try_tensor`].
    #[track_caller]
    pub fn shape(&self) -> Vec<usize> {
        self.value().shape().to_vec()
    }

    /// The number of elements.
    ///
    /// # Panics
    /// Inside this parameter's own [`update`](Parameter::update); see [`Parameter::try_tensor`].
    #[track_caller]
    pub fn numel(&self) -> usize {
        self.value().numel()
    }

    /// The type of the elements.
    ///
    /// # Panics
    /// Inside this parameter's own [`update`](Parameter::update); see [`Parameter::try_tensor`].
    #[track_caller]
    pub fn dtype(&self) -> DType {
        done(self.try_dtype())
    }

    fn try_dtype(&self) -> Result<DType> {
        match self.0.cell.uninitialized() {
            Some(dtype) if self.live().is_none() => Ok(dtype),
            _ => Ok(self.try_value()?.dtype()),
        }
    }
}

/// `Parameter containing:` and the tensor.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_uninitialized() {
            return f.write_str("<UninitializedParameter>");
        }
        if self.live().is_none() {
            f.write_str("Parameter containing:\n")?;
        }
        match self.try_tensor() {
            Ok(tensor) => fmt::Display::fmt(&tensor, f),
            Err(_) => f.write_str("<in its update>"),
        }
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A parameter's values without history: [`Parameter::data`].
///
/// It reads as a [`Tensor`] of the moment it was taken, and its in-place methods change the
/// parameter.
pub struct Data {
    snapshot: Tensor,
    parameter: Parameter,
}

impl Data {
    /// Changes the parameter's values, unrecorded, and reads them again.
    pub(crate) fn write<R>(&mut self, f: impl FnOnce(&mut Tensor) -> Result<R>) -> Result<R> {
        self.parameter.refuse_computed()?;
        self.parameter.try_value()?;
        // The snapshot must not force a copy.
        self.snapshot = Tensor::zeros([0]);
        let result = self.parameter.write(f);
        self.snapshot = self.parameter.try_value()?;
        result
    }

    pub(crate) fn replace(&mut self, data: &Tensor) -> Result<()> {
        self.parameter.set_data(data)?;
        self.snapshot = self.parameter.try_value()?;
        Ok(())
    }
}

impl Deref for Data {
    type Target = Tensor;
    fn deref(&self) -> &Tensor {
        &self.snapshot
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot.fmt(f)
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.snapshot, f)
    }
}
