//! [`Error`]: what went wrong, and in which module of the tree.

mod convert;
mod hint;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::DType;

/// The result of every operation that can be given bad input.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong ([`Error::kind`]), what to do about it ([`Error::hint`]) and, once it has passed
/// through a module's `call`, where ([`Error::path`]).
///
/// ```
/// use pleach::{ErrorKind, Tensor};
/// let error = Tensor::zeros([2, 3]).add(&Tensor::zeros([4])).unwrap_err();
/// assert!(matches!(error.kind(), ErrorKind::Broadcast { a: 3, b: 4, dim: 1 }));
/// assert_eq!(
///     error.to_string(),
///     "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1"
/// );
/// ```
///
/// In a function that returns [`Result`], `?` also takes errors of the standard library
/// (`std::io::Error`, `ParseIntError`, …). For one of your own, write its conversion, or convert it
/// where it occurs:
///
/// ```
/// use pleach::{Error, Result};
/// # #[derive(Debug)]
/// # struct BadLabel;
/// # impl std::fmt::Display for BadLabel {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("bad label") }
/// # }
/// # impl std::error::Error for BadLabel {}
/// # fn label() -> std::result::Result<i64, BadLabel> { Err(BadLabel) }
/// impl From<BadLabel> for Error {
///     fn from(error: BadLabel) -> Self { Error::other(error) }
/// }
/// fn load() -> Result<i64> {
///     let size: i64 = std::fs::read_to_string("Cargo.toml")?.lines().count().try_into()?;
///     let address: std::net::IpAddr = "127.0.0.1".parse().map_err(Error::other)?; // any error
///     Ok(size + label()?)
/// }
/// assert_eq!(load().unwrap_err().to_string(), "bad label");
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    place: Option<Place>,
    hint: Option<Cow<'static, str>>,
}

/// The module that an error comes from.
#[derive(Clone)]
struct Place {
    module: u64,
    type_name: String,
    path: String,
}

/// The causes of errors, with the values that explain them. The texts are PyTorch's.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Two shapes cannot be broadcast together.
    #[error(
        "The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {dim}"
    )]
    Broadcast {
        /// The first operand's size.
        a: usize,
        /// The second operand's size.
        b: usize,
        /// The dimension, counted in the broadcast result.
        dim: usize,
    },
    /// Two matrices whose inner sizes differ.
    #[error("{op}: mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})", .a.0, .a.1, .b.0, .b.1)]
    MatmulShape {
        /// `mm` or `addmm`.
        op: &'static str,
        /// Rows and columns of the first matrix.
        a: (usize, usize),
        /// Rows and columns of the second matrix.
        b: (usize, usize),
    },
    /// A dimension that the tensor does not have.
    #[error("Dimension out of range (expected to be in range of [{}, {}], but got {dim})", -(*.rank.max(&1) as i128), *.rank.max(&1) as i128 - 1)]
    DimOutOfRange {
        /// The dimension asked for.
        dim: i64,
        /// The number of dimensions.
        rank: usize,
    },
    /// An index outside its dimension.
    #[error("index {index} is out of bounds for dimension {dim} with size {size}")]
    IndexOutOfBounds {
        /// The index asked for.
        index: i64,
        /// The dimension it indexes.
        dim: usize,
        /// That dimension's size.
        size: usize,
    },
    /// A position that a container does not have.
    #[error("index {index} is out of range")]
    PositionOutOfRange {
        /// The position asked for.
        index: i64,
    },
    /// A shape with another number of elements.
    #[error("shape '{shape:?}' is invalid for input of size {numel}")]
    InvalidShape {
        /// The shape asked for.
        shape: Vec<i64>,
        /// The number of elements there are.
        numel: usize,
    },
    /// Memory that cannot be had.
    #[error(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate {bytes} bytes. Error code 12 (Cannot allocate memory)"
    )]
    OutOfMemory {
        /// How many bytes were asked for.
        bytes: u128,
    },
    /// Another mismatch of shapes.
    #[error("{0}")]
    Shape(String),
    /// A dtype that does not fit.
    #[error("{0}")]
    DType(String),
    /// An operation that does not exist for a dtype.
    #[error("\"{op}\" not implemented for '{}'", .dtype.torch_name())]
    NotImplementedFor {
        /// The operation.
        op: &'static str,
        /// The dtype it was asked for.
        dtype: crate::DType,
    },
    /// An index that makes no sense.
    #[error("{0}")]
    Index(String),
    /// An argument outside its domain.
    #[error("{0}")]
    Value(String),
    /// A misuse of the graph.
    #[error("{0}")]
    Autograd(String),
    /// A name that a module tree or a state dict does not have.
    #[error("{0}")]
    Name(String),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(Arc<dyn std::error::Error + Send + Sync>),
    /// An error of a user's own layer or function.
    #[error(transparent)]
    Other(Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An error of this kind, not yet tied to a module.
    pub fn new(kind: ErrorKind) -> Self {
        Error(Box::new(Inner {
            hint: hint_of(&kind),
            kind,
            place: None,
        }))
    }

    /// Wraps an error of another type, for a layer or function outside pleach.
    ///
    /// ```
    /// let error = pleach::Error::other("the grid must be square");
    /// assert_eq!(error.to_string(), "the grid must be square");
    /// ```
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Other(error.into().into()))
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Where in the module tree: `"layer1.0.conv1"`, `""` for the root, `None` outside a module.
    pub fn path(&self) -> Option<&str> {
        self.0.place.as_ref().map(|p| p.path.as_str())
    }

    /// The type of the module it comes from, if it comes from one.
    pub fn module_type(&self) -> Option<&str> {
        self.0.place.as_ref().map(|p| p.type_name.as_str())
    }

    /// The identity of the module it comes from; used to find its path.
    #[doc(hidden)]
    pub fn module_id(&self) -> Option<u64> {
        self.0.place.as_ref().map(|p| p.module)
    }

    /// Ties the error to a module, unless it already is tied to one further in.
    #[doc(hidden)]
    pub fn tag(mut self, module: u64, type_name: &str) -> Self {
        self.0.place.get_or_insert_with(|| Place {
            module,
            type_name: type_name.to_string(),
            path: String::new(),
        });
        self
    }

    /// Sets the path of the module that [`Error::tag`] named.
    #[doc(hidden)]
    pub fn with_path(mut self, path: String) -> Self {
        if let Some(place) = &mut self.0.place {
            place.path = path;
        }
        self
    }

    /// A mismatch of shapes, with its text.
    pub fn shape(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Shape(text.into()))
    }
    /// A dtype that does not fit, with its text.
    pub fn dtype(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::DType(text.into()))
    }
    /// An index that makes no sense, with its text.
    pub fn index(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Index(text.into()))
    }
    /// An argument outside its domain, with its text.
    pub fn value(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Value(text.into()))
    }
    /// A misuse of the graph, with its text.
    pub fn autograd(text: impl Into<String>) -> Self {
        Self::new(ErrorKind::Autograd(text.into()))
    }
    /// An operation that does not exist for a dtype.
    pub fn not_implemented(op: &'static str, dtype: crate::DType) -> Self {
        Self::new(ErrorKind::NotImplementedFor { op, dtype })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.place {
            Some(p) if p.path.is_empty() => write!(f, "{}: {}", p.type_name, self.0.kind),
            Some(p) => write!(f, "{} ({}): {}", p.path, p.type_name, self.0.kind),
            None => self.0.kind.fmt(f),
        }?;
        match &self.0.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// What to do about it, if that can be told. `Display` shows it after the text, on a line of
    /// its own.
    ///
    /// ```
    /// use pleach::Tensor;
    /// let classes = Tensor::from_vec(vec![0, 2], [2])?;
    /// let error = classes.softmax(0).unwrap_err();
    /// assert_eq!(error.hint(), Some("`.float()` makes f32 of the i32 tensor; `vec![1]` is i32 in Rust"));
    /// assert_eq!(error.kind().to_string(), "\"softmax_lastdim_kernel_impl\" not implemented for 'Int'");
    /// assert!(error.to_string().ends_with("\nhint: `.float()` makes f32 of the i32 tensor; `vec![1]` is i32 in Rust"));
    /// # Ok::<(), pleach::Error>(())
    /// ```
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Says what to do about it.
    ///
    /// ```
    /// use pleach::Error;
    /// let error = Error::shape("the grid must be square").with_hint("`.pad(..)` fills it up");
    /// assert_eq!(error.to_string(), "the grid must be square\nhint: `.pad(..)` fills it up");
    /// ```
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says how a tensor becomes one of the dtype that is wanted.
    #[doc(hidden)]
    pub fn hint_conversion(self, found: DType, wanted: DType) -> Self {
        self.with_hint(hint::conversion(found, wanted))
    }

    /// Says how two tensors get one dtype: f32 if one of them has it, or else a float, or else i64.
    #[doc(hidden)]
    pub fn hint_common(self, a: DType, b: DType) -> Self {
        self.with_hint(hint::common(a, b))
    }
}

/// What a kind of error says by itself.
fn hint_of(kind: &ErrorKind) -> Option<Cow<'static, str>> {
    match kind {
        ErrorKind::NotImplementedFor { dtype, .. } => Some(hint::of_unsupported(*dtype).into()),
        _ => None,
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            ErrorKind::Other(e) | ErrorKind::Io(e) => Some(e.as_ref()),
            _ => None,
        }
    }
}

/// The value of what has a twin that returns the error: panics with its text, at the caller's place.
#[track_caller]
pub(crate) fn done<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
