//! The globals that a pickle may name. Each stands for a node to be made, never for code.

use pleach_core::DType;

use crate::element::Element;

/// What a global stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    OrderedDict,
    Counter,
    Set,
    Bytes,
    ByteArray,
    Encode,
    Size,
    Device,
    TensorClass,
    ParameterClass,
    /// `torch.FloatStorage` and the like.
    Storage(Element),
    /// A storage of bytes, which the tensor knows the type of.
    UntypedStorage,
    /// `torch.float32` and the like, by the name after the dot.
    DType(&'static str),
    RebuildTensor,
    RebuildTensorV2,
    RebuildTensorV3,
    RebuildParameter,
    RebuildParameterWithState,
    RebuildFromType,
    /// How TorchScript writes a list of numbers, and the type of a container.
    BuildList,
    RestoreTypeTag,
    /// How protocols 0 and 1 write an object: the class is an argument.
    Reconstructor,
    NewObject,
    NewObjectEx,
    ObjectClass,
    NumpyArrayClass,
    NumpyReconstruct,
    NumpyFromBuffer,
    NumpyScalar,
    NumpyDType,
    /// PyTorch's, harmless, but without an equal here.
    NoEqual,
    /// A class or function that only Python knows.
    Foreign,
}

/// Storage classes.
const STORAGES: [(&str, Element); 18] = [
    ("FloatStorage", Element::Own(DType::F32)),
    ("DoubleStorage", Element::Own(DType::F64)),
    ("HalfStorage", Element::Own(DType::F16)),
    ("BFloat16Storage", Element::Own(DType::BF16)),
    ("LongStorage", Element::Own(DType::I64)),
    ("IntStorage", Element::Own(DType::I32)),
    ("ShortStorage", Element::Own(DType::I16)),
    ("CharStorage", Element::Own(DType::I8)),
    ("ByteStorage", Element::Own(DType::U8)),
    ("BoolStorage", Element::Own(DType::Bool)),
    ("ComplexFloatStorage", Element::Other("complex64")),
    ("ComplexDoubleStorage", Element::Other("complex128")),
    ("ComplexHalfStorage", Element::Other("complex32")),
    ("QInt8Storage", Element::Other("qint8")),
    ("QUInt8Storage", Element::Other("quint8")),
    ("QInt32Storage", Element::Other("qint32")),
    ("QUInt4x2Storage", Element::Other("quint4x2")),
    ("QUInt2x4Storage", Element::Other("quint2x4")),
];

/// PyTorch's dtypes, which a pickle may hold as values.
const DTYPES: [&str; 27] = [
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
    "float4_e2m1fn_x2",
    "qint8",
    "quint8",
    "qint32",
    "quint4x2",
    "quint2x4",
];

/// What is harmless, but has no equal here: the names, and what they make.
const NO_EQUAL: [(&str, &str); 14] = [
    ("torch.per_tensor_affine", "a quantized tensor"),
    ("torch.per_tensor_symmetric", "a quantized tensor"),
    ("torch.per_channel_affine", "a quantized tensor"),
    ("torch.per_channel_symmetric", "a quantized tensor"),
    (
        "torch.per_channel_affine_float_qparams",
        "a quantized tensor",
    ),
    ("torch._utils._rebuild_qtensor", "a quantized tensor"),
    ("torch._utils._rebuild_sparse_tensor", "a sparse tensor"),
    ("torch._utils._rebuild_nested_tensor", "a nested tensor"),
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

/// Modules and functions that run programs, touch files or reach into the interpreter. No honest
/// checkpoint names them; they are refused even where unknown names become data.
const DANGEROUS_MODULES: [&str; 32] = [
    "os",
    "posix",
    "nt",
    "ntpath",
    "posixpath",
    "sys",
    "subprocess",
    "_posixsubprocess",
    "shutil",
    "pty",
    "commands",
    "popen2",
    "socket",
    "_socket",
    "asyncio",
    "ctypes",
    "_ctypes",
    "importlib",
    "imp",
    "runpy",
    "code",
    "codeop",
    "pdb",
    "bdb",
    "timeit",
    "webbrowser",
    "urllib",
    "requests",
    "pip",
    "pickle",
    "_pickle",
    "marshal",
];
const DANGEROUS_BUILTINS: [&str; 12] = [
    "eval",
    "exec",
    "execfile",
    "compile",
    "__import__",
    "open",
    "input",
    "breakpoint",
    "globals",
    "locals",
    "vars",
    "delattr",
];
const IMPORTED: [&str; 12] = [
    "os",
    "posix",
    "nt",
    "sys",
    "builtins",
    "subprocess",
    "shutil",
    "ctypes",
    "importlib",
    "socket",
    "pty",
    "runpy",
];
const DANGEROUS: [&str; 7] = [
    "torch.load",
    "torch.hub.load",
    "torch.serialization.load",
    "torch.utils.cpp_extension.load",
    "torch.utils.cpp_extension.load_inline",
    "numpy.load",
    "numpy.testing._private.utils.runstring",
];

/// The module's name as Python 3 has it: protocols 0 to 2 write Python 2's.
pub(super) fn modern(module: &str) -> &str {
    match module {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        other => other,
    }
}

/// Whether a global can only be there to do harm.
pub(super) fn is_dangerous(name: &str) -> bool {
    let root = name.split('.').next().unwrap_or_default();
    let builtin = name.strip_prefix("builtins.");
    // Most modules have imported some of these, so they are reached through others, too.
    let mut path = name.split('.').skip(1).collect::<Vec<_>>();
    path.pop();
    DANGEROUS_MODULES.contains(&root)
        || builtin.is_some_and(|name| DANGEROUS_BUILTINS.contains(&name))
        || DANGEROUS.contains(&name)
        || path.iter().any(|part| IMPORTED.contains(part))
        || name.contains("__globals__")
        || name.contains("__builtins__")
        || name.contains("__subclasses__")
}

/// What a global that has no equal here would make.
pub(super) fn no_equal(name: &str) -> &'static str {
    let found = NO_EQUAL.iter().find(|(known, _)| *known == name);
    found.map_or("an object", |(_, what)| what)
}

impl Known {
    /// What the global of this name stands for; the module's name is a [`modern`] one.
    pub fn find(module: &str, name: &str) -> Known {
        use Known::*;
        match (module, name) {
            ("collections", "OrderedDict") => OrderedDict,
            ("collections", "Counter") => Counter,
            ("builtins", "set" | "frozenset") => Set,
            ("builtins", "bytes") => Bytes,
            ("builtins", "bytearray") => ByteArray,
            ("builtins", "object") => ObjectClass,
            ("_codecs", "encode") => Encode,
            ("copyreg", "_reconstructor") => Reconstructor,
            ("copyreg", "__newobj__") => NewObject,
            ("copyreg", "__newobj_ex__") => NewObjectEx,
            ("torch", "Size") => Size,
            ("torch", "device") => Device,
            ("torch", "Tensor") => TensorClass,
            ("torch.nn.parameter", "Parameter") => ParameterClass,
            ("torch.storage" | "torch", "UntypedStorage") => UntypedStorage,
            ("torch._utils", "_rebuild_tensor") => RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v2") => RebuildTensorV2,
            ("torch._utils", "_rebuild_tensor_v3") => RebuildTensorV3,
            ("torch._utils", "_rebuild_parameter") => RebuildParameter,
            ("torch._utils", "_rebuild_parameter_with_state") => RebuildParameterWithState,
            ("torch._tensor", "_rebuild_from_type_v2") => RebuildFromType,
            ("torch.jit._pickle", _) if name.starts_with("build_") => BuildList,
            ("torch.jit._pickle", "restore_type_tag") => RestoreTypeTag,
            ("numpy", "ndarray") => NumpyArrayClass,
            ("numpy", "dtype") => NumpyDType,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => {
                NumpyReconstruct
            }
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => NumpyScalar,
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => NumpyFromBuffer,
            // A tensor of another device is loaded into ordinary memory.
            ("torch" | "torch.cuda", _) => storage(name)
                .or_else(|| dtype(name))
                .unwrap_or_else(|| unknown(module, name)),
            _ => unknown(module, name),
        }
    }
}

fn unknown(module: &str, name: &str) -> Known {
    let full = format!("{module}.{name}");
    match NO_EQUAL.iter().any(|(known, _)| *known == full) {
        true => Known::NoEqual,
        false => Known::Foreign,
    }
}

fn storage(name: &str) -> Option<Known> {
    let mut all = STORAGES.iter();
    all.find(|(known, _)| *known == name)
        .map(|&(_, element)| Known::Storage(element))
}

fn dtype(name: &str) -> Option<Known> {
    let mut all = DTYPES.iter();
    all.find(|known| **known == name)
        .map(|known| Known::DType(known))
}

/// The storage class of an element type, without `torch.`; `None` if its storages have no type.
pub(super) fn storage_class(element: Element) -> Option<&'static str> {
    let class = STORAGES.iter().find(|(_, known)| *known == element);
    class.map(|(name, _)| *name)
}

/// Whether PyTorch has a dtype of this name.
pub(super) fn is_dtype(name: &str) -> bool {
    DTYPES.contains(&name)
}
