//! The values that evaluated Python text deals with, and what can go wrong.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use pleach::{DType, Generator, Parameter, Scalar, Tensor};

use super::args::Args;
use super::ast::Expr;
use super::data_fns::DataHandle;
use super::eval::Scope;
use super::module_object::ModuleHandle;
use super::optim_fns::OptimizerHandle;

/// Why an evaluation did not give a value.
#[derive(Debug)]
pub enum EvalError {
    /// A class, function, method, attribute, argument or dtype that no registry knows: what needs
    /// it is out of scope.
    Unknown(String),
    /// The code cannot be written against pleach's typed interface. The text says why.
    TypedOut(String),
    /// pleach returned an error.
    Raised(String),
    /// The runner or the data is wrong: always a failure.
    Bug(String),
}

impl From<pleach::Error> for EvalError {
    fn from(error: pleach::Error) -> Self {
        EvalError::Raised(error.to_string())
    }
}

impl From<pleach::checkpoint::Error> for EvalError {
    fn from(error: pleach::checkpoint::Error) -> Self {
        EvalError::Raised(error.to_string())
    }
}

pub type Eval<T = Value> = Result<T, EvalError>;

/// An error of the runner itself.
pub fn bug<T>(text: impl fmt::Display) -> Eval<T> {
    Err(EvalError::Bug(text.to_string()))
}

/// A name that nothing here knows.
pub fn unknown<T>(name: impl fmt::Display) -> Eval<T> {
    Err(EvalError::Unknown(name.to_string()))
}

/// A function of a registry.
pub type Builtin = fn(Args) -> Eval;
/// A method of a registry: the receiver comes first.
pub type Method<R> = fn(&R, Args) -> Eval;

/// A Python variable that holds a tensor: in-place methods change what every alias sees.
pub type TensorVar = Rc<RefCell<Tensor>>;
pub type Shared<T> = Rc<RefCell<T>>;

/// An insertion-ordered dictionary.
#[derive(Debug, Default, Clone)]
pub struct Dict {
    pub items: Vec<(String, Value)>,
    /// Whether it is what `state_dict()` gave, with PyTorch's `_metadata`.
    pub is_state_dict: bool,
}

impl Dict {
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.items.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }
    pub fn set(&mut self, key: &str, value: Value) {
        match self.items.iter_mut().find(|(k, _)| k == key) {
            Some((_, slot)) => *slot = value,
            None => self.items.push((key.to_string(), value)),
        }
    }
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.items.iter().position(|(k, _)| k == key)?;
        Some(self.items.remove(at).1)
    }
}

#[derive(Debug)]
pub struct Lambda {
    pub names: Vec<String>,
    pub body: Expr,
    pub scope: Scope,
}

#[derive(Clone)]
pub enum Value {
    None,
    Ellipsis,
    Bool(bool),
    /// The text is kept: it tells `20` from `20.0`.
    Int(String),
    Float(String),
    Str(String),
    Tuple(Vec<Value>),
    List(Shared<Vec<Value>>),
    Dict(Shared<Dict>),
    Size(Vec<usize>),
    /// `slice(start, stop, step)`.
    Slice(Option<i64>, Option<i64>, Option<i64>),
    Tensor(TensorVar),
    /// `.data` of a variable that holds a tensor.
    TensorData(TensorVar),
    Parameter(Rc<Parameter>),
    /// `.data` of a parameter.
    ParameterData(Rc<Parameter>),
    Module(ModuleHandle),
    Optimizer(OptimizerHandle),
    Data(DataHandle),
    Generator(Generator),
    DType(DType),
    Lambda(Rc<Lambda>),
    /// A dotted name that is not called yet: `torch.zeros`, spelled in full.
    Path(String),
    Method(Box<Value>, String),
    /// `torch.no_grad()`.
    NoGrad,
}

impl Value {
    pub fn tensor(tensor: Tensor) -> Value {
        Value::Tensor(Rc::new(RefCell::new(tensor)))
    }
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(RefCell::new(items)))
    }
    pub fn int(value: impl Into<i128>) -> Value {
        Value::Int(value.into().to_string())
    }
    pub fn float(value: f64) -> Value {
        Value::Float(format!("{value:?}"))
    }
    pub fn str(text: &str) -> Value {
        Value::Str(text.to_string())
    }
    pub fn dict(dict: Dict) -> Value {
        Value::Dict(Rc::new(RefCell::new(dict)))
    }

    /// Python's name of the type, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::None => "NoneType",
            Value::Ellipsis => "ellipsis",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Tuple(_) => "tuple",
            Value::List(_) => "list",
            Value::Dict(_) => "dict",
            Value::Size(_) => "torch.Size",
            Value::Slice(..) => "slice",
            Value::Tensor(_) | Value::TensorData(_) => "Tensor",
            Value::Parameter(_) | Value::ParameterData(_) => "Parameter",
            Value::Module(_) => "Module",
            Value::Optimizer(_) => "Optimizer",
            Value::Data(_) => "torch.utils.data",
            Value::Generator(_) => "Generator",
            Value::DType(_) => "dtype",
            Value::Lambda(_) => "function",
            Value::Path(_) | Value::Method(..) => "name",
            Value::NoGrad => "no_grad",
        }
    }

    pub fn as_int(&self) -> Eval<i128> {
        match self {
            Value::Int(text) => text.parse().or_else(|e| bug(format!("int {text}: {e}"))),
            Value::Bool(b) => Ok(*b as i128),
            other => bug(format!("expected an int, got {other:?}")),
        }
    }

    pub fn as_i64(&self) -> Eval<i64> {
        let value = self.as_int()?;
        value
            .try_into()
            .or_else(|_| bug(format!("{value} does not fit i64")))
    }

    pub fn as_usize(&self) -> Eval<usize> {
        let value = self.as_int()?;
        // A negative size cannot be written where the interface takes usize.
        value
            .try_into()
            .map_err(|_| EvalError::TypedOut(format!("{value} as an unsigned size")))
    }

    pub fn as_f64(&self) -> Eval<f64> {
        match self {
            Value::Float(text) => parse_float(text),
            _ => Ok(self.as_int()? as f64),
        }
    }

    pub fn as_bool(&self) -> Eval<bool> {
        match self {
            Value::Bool(b) => Ok(*b),
            other => bug(format!("expected a bool, got {other:?}")),
        }
    }

    pub fn as_str(&self) -> Eval<&str> {
        match self {
            Value::Str(text) => Ok(text),
            other => bug(format!("expected a str, got {other:?}")),
        }
    }

    /// The tensor that a variable, a parameter or its data stands for in a computation.
    pub fn as_tensor(&self) -> Eval<Tensor> {
        match self {
            Value::Tensor(t) => Ok(t.borrow().clone()),
            Value::TensorData(t) => Ok(t.borrow().detach()),
            Value::Parameter(p) => Ok(p.tensor()),
            Value::ParameterData(p) => Ok(p.data().detach()),
            other => bug(format!("expected a Tensor, got {other:?}")),
        }
    }

    pub fn is_tensor(&self) -> bool {
        matches!(
            self,
            Value::Tensor(_) | Value::TensorData(_) | Value::Parameter(_) | Value::ParameterData(_)
        )
    }

    /// A number that is no tensor.
    pub fn as_scalar(&self) -> Eval<Scalar> {
        match self {
            Value::Bool(b) => Ok(Scalar::Bool(*b)),
            Value::Int(_) => Ok(Scalar::Int(self.as_i64()?)),
            Value::Float(_) => Ok(Scalar::Float(self.as_f64()?)),
            other => bug(format!("expected a number, got {other:?}")),
        }
    }

    /// The items of a tuple, a list or a size.
    pub fn items(&self) -> Eval<Vec<Value>> {
        match self {
            Value::Tuple(items) => Ok(items.clone()),
            Value::List(items) => Ok(items.borrow().clone()),
            Value::Size(sizes) => Ok(sizes.iter().map(|&s| Value::int(s as i128)).collect()),
            other => bug(format!("expected a sequence, got {other:?}")),
        }
    }

    pub fn is_sequence(&self) -> bool {
        matches!(self, Value::Tuple(_) | Value::List(_) | Value::Size(_))
    }

    /// An int, or a sequence of ints.
    pub fn as_ints(&self) -> Eval<Vec<i64>> {
        if self.is_sequence() {
            self.items()?.iter().map(Value::as_i64).collect()
        } else {
            Ok(vec![self.as_i64()?])
        }
    }

    /// Every tensor in nested outputs, in order.
    pub fn flatten_tensors(&self) -> Eval<Vec<Tensor>> {
        if self.is_tensor() {
            return Ok(vec![self.as_tensor()?]);
        }
        let mut out = Vec::new();
        for item in self.items()? {
            out.extend(item.flatten_tensors()?);
        }
        Ok(out)
    }
}

/// Reads Python's text of a float.
pub fn parse_float(text: &str) -> Eval<f64> {
    match text.trim_start_matches('+') {
        "inf" => Ok(f64::INFINITY),
        "-inf" => Ok(f64::NEG_INFINITY),
        "nan" => Ok(f64::NAN),
        plain => plain
            .replace('_', "")
            .parse()
            .or_else(|e| bug(format!("float {text}: {e}"))),
    }
}

/// A dtype by PyTorch's name, `float32` or `torch.float32`.
pub fn dtype(name: &str) -> Option<DType> {
    Some(match name.strip_prefix("torch.").unwrap_or(name) {
        "float32" | "float" | "f32" => DType::F32,
        "float64" | "double" | "f64" => DType::F64,
        "float16" | "half" | "f16" => DType::F16,
        "bfloat16" | "bf16" => DType::BF16,
        "int64" | "long" | "i64" => DType::I64,
        "int32" | "int" | "i32" => DType::I32,
        "int16" | "short" | "i16" => DType::I16,
        "int8" | "i8" => DType::I8,
        "uint8" | "u8" => DType::U8,
        "bool" => DType::Bool,
        _ => return None,
    })
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(text) | Value::Float(text) | Value::Path(text) => f.write_str(text),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Str(text) => write!(f, "{text:?}"),
            Value::Tuple(items) => f.debug_list().entries(items).finish(),
            other => f.write_str(other.kind()),
        }
    }
}
