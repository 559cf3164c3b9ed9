//! The globals that a pickle may name. Each stands for a node to be made, never for code.

use pleach_core::DType;

use super::fault::What;

/// A global that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    OrderedDict,
    Counter,
    Set,
    ByteArray,
    Encode,
    Size,
    Device,
    TensorClass,
    ParameterClass,
    /// `torch.FloatStorage` and the like.
    Storage(DType),
    /// `torch.float32` and the like, by the name after the dot.
    DType(&'static str),
    RebuildTensor,
    RebuildTensorV2,
    RebuildParameter,
    RebuildParameterWithState,
    RebuildFromType,
}

/// Storage classes, with the dtypes that pleach has.
const STORAGES: [(&str, DType); 10] = [
    ("FloatStorage", DType::F32),
    ("DoubleStorage", DType::F64),
    ("HalfStorage", DType::F16),
    ("BFloat16Storage", DType::BF16),
    ("LongStorage", DType::I64),
    ("IntStorage", DType::I32),
    ("ShortStorage", DType::I16),
    ("CharStorage", DType::I8),
    ("ByteStorage", DType::U8),
    ("BoolStorage", DType::Bool),
];

/// PyTorch's dtypes, which a pickle may hold as values.
const DTYPES: [&str; 26] = [
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "uint16",
    "uint32",
    "uint64",
    "complex32",
    "complex64",
    "complex128",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "qint8",
    "quint8",
    "qint32",
    "quint4x2",
    "quint2x4",
];

/// What is harmless, but has no equal here: the names, and what they make.
const NO_EQUAL: [(&str, &str); 18] = [
    ("torch.ComplexFloatStorage", "a tensor of type complex64"),
    ("torch.ComplexDoubleStorage", "a tensor of type complex128"),
    ("torch.ComplexHalfStorage", "a tensor of type complex32"),
    ("torch.QInt8Storage", "a quantized tensor"),
    ("torch.QUInt8Storage", "a quantized tensor"),
    ("torch.QInt32Storage", "a quantized tensor"),
    ("torch.QUInt4x2Storage", "a quantized tensor"),
    ("torch.QUInt2x4Storage", "a quantized tensor"),
    ("torch.storage.UntypedStorage", "a storage without a type"),
    (
        "torch._utils._rebuild_tensor_v3",
        "a tensor of an unsigned or 8-bit float type",
    ),
    ("torch._utils._rebuild_qtensor", "a quantized tensor"),
    ("torch._utils._rebuild_sparse_tensor", "a sparse tensor"),
    (
        "torch._utils._rebuild_meta_tensor_no_storage",
        "a tensor without data, of the device meta",
    ),
    (
        "torch._utils._rebuild_wrapper_subclass",
        "a tensor of a class of its own",
    ),
    (
        "torch._utils._rebuild_device_tensor_from_numpy",
        "a tensor of another device",
    ),
    (
        "torch._utils._rebuild_device_tensor_from_cpu_tensor",
        "a tensor of another device",
    ),
    ("torch.serialization._get_layout", "a sparse tensor"),
    ("builtins.complex", "a complex number"),
];

impl Known {
    /// The global of this name.
    pub fn find(module: &str, name: &str) -> Result<Known, What> {
        use Known::*;
        // Names of Python 2, which protocol 2 writes.
        let module = match (module, name) {
            ("__builtin__", _) => "builtins",
            ("copy_reg", _) => "copyreg",
            _ => module,
        };
        let found = match (module, name) {
            ("collections", "OrderedDict") => Some(OrderedDict),
            ("collections", "Counter") => Some(Counter),
            ("builtins", "set" | "frozenset") => Some(Set),
            ("builtins", "bytearray") => Some(ByteArray),
            ("_codecs", "encode") => Some(Encode),
            ("torch", "Size") => Some(Size),
            ("torch", "device") => Some(Device),
            ("torch", "Tensor") => Some(TensorClass),
            ("torch.nn.parameter", "Parameter") => Some(ParameterClass),
            ("torch._utils", "_rebuild_tensor") => Some(RebuildTensor),
            ("torch._utils", "_rebuild_tensor_v2") => Some(RebuildTensorV2),
            ("torch._utils", "_rebuild_parameter") => Some(RebuildParameter),
            ("torch._utils", "_rebuild_parameter_with_state") => Some(RebuildParameterWithState),
            ("torch._tensor", "_rebuild_from_type_v2") => Some(RebuildFromType),
            // A tensor of another device is loaded into ordinary memory.
            ("torch" | "torch.cuda", _) => storage(name).or_else(|| dtype(name)),
            _ => None,
        };
        let full = format!("{module}.{name}");
        found.ok_or_else(|| match NO_EQUAL.iter().find(|(known, _)| *known == full) {
            Some((_, what)) => What::Unsupported(format!("{what} (`{full}`) has no equal here")),
            None => What::Refused(full),
        })
    }
}

fn storage(name: &str) -> Option<Known> {
    let mut all = STORAGES.iter();
    all.find(|(known, _)| *known == name)
        .map(|&(_, dtype)| Known::Storage(dtype))
}

fn dtype(name: &str) -> Option<Known> {
    let mut all = DTYPES.iter();
    all.find(|known| **known == name)
        .map(|known| Known::DType(known))
}

/// The storage class of a dtype, without `torch.`.
pub(super) fn storage_class(dtype: DType) -> &'static str {
    let class = STORAGES.iter().find(|(_, known)| *known == dtype);
    class.map_or("", |(name, _)| name)
}

/// Whether PyTorch has a dtype of this name.
pub(super) fn is_dtype(name: &str) -> bool {
    DTYPES.contains(&name)
}
