//! [`Loader`]: the options of reading.

use pleach_core::DType;

use crate::Limits;

/// Reads checkpoints in other ways than [`load`](crate::load) does.
///
/// ```
/// use pleach::checkpoint::{Format, Loader, Value, to_bytes};
/// use pleach::{DType, tensor};
/// let bytes = to_bytes(tensor![1.0, 2.0], Format::Torch)?;
/// let value = Loader::new().dtype(DType::F64).load_bytes(&bytes)?;
/// assert_eq!(value.as_tensor()?.to_vec::<f64>()?, [1.0, 2.0]);
/// # Ok::<(), pleach::checkpoint::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Loader {
    pub(crate) limits: Limits,
    pub(crate) dtype: Option<DType>,
    pub(crate) opaque_objects: bool,
}

impl Loader {
    /// One that does what [`load`](crate::load) does.
    pub fn new() -> Self {
        Self::default()
    }

    /// Converts tensors of floats to this dtype. Tensors that share memory still do.
    #[must_use]
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// Refuses files that ask for more than this.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reads objects of unknown classes as [`Value::Opaque`]: the class's name and what the file
    /// says of the object, as data. So the weights can be had of a checkpoint that also holds an
    /// `argparse.Namespace`, a path, a date, a scheduler or another object of a program; of a whole
    /// module (`torch.save(model, path)`) and of a TorchScript archive, of which
    /// [`Value::state_dict`] finds the parameters and buffers.
    ///
    /// Nothing is executed, as ever. Names that only harm needs (`os.system`, `eval`, ...) are
    /// refused all the same: an honest checkpoint has none of them.
    ///
    /// ```
    /// use pleach::checkpoint::Loader;
    /// // pickle.dumps({'epoch': 3, 'started': datetime.date(2024, 5, 17)}, 2)
    /// let pickle = b"\x80\x02}(X\x05\0\0\0epochK\x03X\x07\0\0\0startedcdatetime\ndate\n\
    ///     c_codecs\nencode\nX\x05\0\0\0\x07\xc3\xa8\x05\x11X\x06\0\0\0latin1\x86R\x85Ru.";
    /// assert!(Loader::new().load_pickle(pickle).is_err());
    /// let run = Loader::new().opaque_objects(true).load_pickle(pickle)?;
    /// assert_eq!(run.get("epoch")?.as_int()?, 3);
    /// assert_eq!(run.get("started")?.as_opaque()?.class(), "datetime.date");
    /// # Ok::<(), pleach::checkpoint::Error>(())
    /// ```
    ///
    /// [`Value::Opaque`]: crate::Value::Opaque
    /// [`Value::state_dict`]: crate::Value::state_dict
    #[must_use]
    pub fn opaque_objects(mut self, read: bool) -> Self {
        self.opaque_objects = read;
        self
    }
}
