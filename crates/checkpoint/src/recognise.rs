//! What a file is that is no checkpoint, by its first bytes, and what to do about it.

use crate::Error;

/// How a file begins, what it is then, and what to do.
const STARTS: [(&[u8], &str, &str); 28] = [
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file, such as Keras and TensorFlow write (.h5, .keras)",
        CONVERT,
    ),
    (b"GGUF", "a GGUF file, of llama.cpp", GGUF),
    (b"lmgg", "a GGML file, of llama.cpp", GGUF),
    (b"tjgg", "a GGJT file, of llama.cpp", GGUF),
    (b"\x1f\x8b\x08", "packed by gzip", UNPACK),
    (b"BZh", "packed by bzip2", UNPACK),
    (b"\xfd7zXZ\0", "packed by xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "packed by Zstandard", UNPACK),
    (b"\x04\x22\x4d\x18", "packed by LZ4", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (b"MSCF", "a cabinet archive", UNPACK),
    (
        b"\x78\x9c",
        "packed by zlib, as joblib writes files",
        PYTHON,
    ),
    (
        b"\x78\xda",
        "packed by zlib, as joblib writes files",
        PYTHON,
    ),
    (b"%PDF", "a PDF document", WRONG),
    (b"\x89PNG", "a PNG image", WRONG),
    (b"\xff\xd8\xff", "a JPEG image", WRONG),
    (b"GIF8", "a GIF image", WRONG),
    (b"RIFF", "a sound, film or WebP image", WRONG),
    (b"\x7fELF", "a program or library", WRONG),
    (b"MZ", "a program of Windows", WRONG),
    (b"SQLite format 3\0", "a SQLite data base", WRONG),
    (b"MATLAB 5.0", "a MATLAB file", PYTHON),
    (b"PAR1", "a Parquet table", PYTHON),
    (b"ARROW1", "an Arrow table", PYTHON),
    (
        b"\xd0\xcf\x11\xe0",
        "an old document of Microsoft Office",
        WRONG,
    ),
    (b"PK\x07\x08", "a part of a split zip archive", UNPACK),
    (b"\x00asm", "a WebAssembly program", WRONG),
];

const UNPACK: &str = "unpack it, and load the file in it";
const WRONG: &str = "look for the right file";
const GGUF: &str = "load the model's .safetensors or .bin files instead";
const PYTHON: &str = "in Python, load it and write it with torch.save(..) or numpy.savez(..)";
const CONVERT: &str = "in Python, load the model and write its weights with numpy.savez(..), \
                       torch.save(..) or safetensors";
const AGAIN: &str = "download the file itself";

/// What the start of a file tells of one that is of no format that is read. `len` is the file's.
pub(crate) fn unknown(start: &[u8], len: u64) -> Error {
    if start.is_empty() {
        let what = "the file is empty; write or download it again";
        return Error::NotACheckpoint(what.to_string());
    }
    let (what, advice) = describe(start, len);
    Error::NotACheckpoint(format!("it is {what}; {advice}"))
}

fn describe(start: &[u8], len: u64) -> (String, String) {
    let says = |what: &str, advice: &str| (what.to_string(), advice.to_string());
    if start.iter().all(|&b| b == 0) {
        return says(
            "nothing but zeros at its start, as an interrupted download leaves",
            AGAIN,
        );
    }
    if start.get(257..262) == Some(b"ustar") {
        return tar(start);
    }
    if let Some((_, what, advice)) = STARTS.iter().find(|(s, ..)| start.starts_with(s)) {
        return says(what, advice);
    }
    if start.get(4..8) == Some(b"TFL3") {
        return says("a TensorFlow Lite model", CONVERT);
    }
    if let Some(found) = text(start, len) {
        return found;
    }
    if let Some(what) = protobuf(start) {
        return says(what, CONVERT);
    }
    if is_msgpack(start) {
        return says(
            "a MessagePack file, such as Flax writes (.msgpack)",
            CONVERT,
        );
    }
    let shown = &start[..start.len().min(8)];
    let what = format!(
        "of no known format: it starts with '{}'",
        shown.escape_ascii()
    );
    (what, "look whether it is the right file".to_string())
}

fn tar(start: &[u8]) -> (String, String) {
    let name = start.get(..100).unwrap_or_default();
    let name = name.split(|&b| b == 0).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name);
    match name.trim_start_matches("./") {
        "sys_info" | "pickle" | "tensors" | "storages" => (
            "a tar archive of PyTorch before 0.1.10".to_string(),
            "load and save it with a PyTorch of today".to_string(),
        ),
        _ => (
            format!(
                "a tar archive, whose first file is '{}'",
                name.escape_debug()
            ),
            UNPACK.to_string(),
        ),
    }
}

/// Files of text: pages, pointers, JSON, programs.
fn text(start: &[u8], len: u64) -> Option<(String, String)> {
    // A character may be cut at the end of what was read.
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && start.len() > 4 => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return None,
    };
    let is_control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c');
    if text.chars().any(is_control) {
        return None;
    }
    let trimmed = text.trim_start_matches('\u{feff}').trim_start();
    let lower = trimmed.to_ascii_lowercase();
    let says = |what: &str, advice: &str| Some((what.to_string(), advice.to_string()));
    if lower.starts_with("version https://git-lfs") || lower.starts_with("version http://git-media")
    {
        let size = trimmed.lines().find_map(|line| line.strip_prefix("size "));
        let size = size.map(|n| format!(" of {} bytes", n.trim()));
        return Some((
            format!(
                "a Git LFS pointer: the file{} itself was not downloaded",
                size.unwrap_or_default()
            ),
            "run `git lfs pull` in its folder, or download it from the model's page".to_string(),
        ));
    }
    let pages = ["<!doctype html", "<html", "<head", "<body"];
    if pages.iter().any(|page| lower.starts_with(page))
        || (lower.starts_with('<') && lower.contains("<html"))
    {
        return says(
            "an HTML page, as a server sends that asks for a login or has not found the file",
            "download the file itself, for instance by its 'raw' or 'resolve' address",
        );
    }
    if lower.starts_with("<?xml") || lower.starts_with("<error") {
        return says("an XML text, as a server sends with an error", AGAIN);
    }
    if lower.starts_with('{') || lower.starts_with('[') {
        return match text.contains("weight_map") {
            true => says(
                "the index of a checkpoint in several files",
                "load it by its path, so that the files beside it are found",
            ),
            false => says(
                "a JSON text, such as a model's configuration",
                "load the file of the weights beside it",
            ),
        };
    }
    if lower.starts_with("model_checkpoint_path:") {
        return says("the list of a TensorFlow checkpoint's files", CONVERT);
    }
    let first: String = trimmed.chars().take(30).collect();
    Some((
        format!(
            "a text of {len} bytes, which starts with '{}'",
            first.escape_debug()
        ),
        WRONG.to_string(),
    ))
}

/// ONNX models and TensorFlow graphs are protocol buffers, which have no mark of their own: their
/// first fields are a small version number and then a text or a message.
fn protobuf(start: &[u8]) -> Option<&'static str> {
    match start {
        [0x08, 1, 0x12, ..] => Some("a TensorFlow SavedModel (.pb)"),
        // ir_version, then the name of the producer, a list of operator sets or the graph
        [
            0x08,
            3..=32,
            0x12 | 0x1a | 0x22 | 0x2a | 0x32 | 0x3a | 0x42,
            ..,
        ] => Some("an ONNX model (.onnx)"),
        // A graph's first node: its length, its name, its length.
        [0x0a, _, 0x0a, n, name @ ..] if name.len() > 2 => {
            let name = name.get(..usize::from(*n).min(name.len()))?;
            let plain = name.iter().all(|b| b.is_ascii_graphic());
            plain.then_some("a TensorFlow graph (.pb)")
        }
        _ => None,
    }
}

/// A map whose first key is a short text.
fn is_msgpack(start: &[u8]) -> bool {
    let rest = match start {
        [0x81..=0x8f, rest @ ..] | [0xde, _, _, rest @ ..] | [0xdf, _, _, _, _, rest @ ..] => rest,
        _ => return false,
    };
    let (len, text) = match rest {
        [n @ 0xa1..=0xbf, text @ ..] => (usize::from(n & 0x1f), text),
        [0xd9, n, text @ ..] => (usize::from(*n), text),
        _ => return false,
    };
    let text = &text[..len.min(text.len())];
    !text.is_empty() && text.iter().all(|b| b.is_ascii_graphic())
}

/// What a zip archive is that holds neither a pickle nor arrays, by the names of its members.
pub(crate) fn unknown_archive(names: &[&str]) -> Error {
    let has = |what: &dyn Fn(&str) -> bool| names.iter().any(|name| what(name));
    let ends = |end: &str| has(&|name| name.ends_with(end));
    let weights = [
        ".pth",
        ".pt",
        ".bin",
        ".ckpt",
        ".safetensors",
        ".npy",
        ".h5",
    ];
    let inner: Vec<&str> = names
        .iter()
        .filter(|name| weights.iter().any(|end| name.ends_with(end)))
        .take(4)
        .copied()
        .collect();
    let (what, advice) = if ends("model.weights.h5") {
        ("a Keras model (.keras)", CONVERT.to_string())
    } else if has(&|name| name.ends_with("model.json") || name.contains("models/model")) {
        (
            "a program of torch.export (.pt2) or of TorchScript before PyTorch 1.4",
            "in Python, load it and save its state_dict()".to_string(),
        )
    } else if has(&|name| name.contains(".data/extern_modules")) {
        (
            "an archive of torch.package",
            "in Python, load the model and save its state_dict()".to_string(),
        )
    } else if ends("[Content_Types].xml") {
        ("a document of an office program", WRONG.to_string())
    } else if has(&|name| name.starts_with("META-INF/")) {
        ("a Java archive", WRONG.to_string())
    } else if has(&|name| name.ends_with(".dist-info/RECORD")) {
        ("a Python package", WRONG.to_string())
    } else if !inner.is_empty() {
        let advice = format!("unpack it, and load what is in it: {}", inner.join(", "));
        ("an ordinary zip archive", advice)
    } else {
        ("an ordinary zip archive", UNPACK.to_string())
    };
    let shown: Vec<&str> = names.iter().take(4).copied().collect();
    let more = if names.len() > 4 { ", …" } else { "" };
    let members = match shown.is_empty() {
        true => "it is empty".to_string(),
        false => format!("it holds {}{more}", shown.join(", ")),
    };
    Error::NotACheckpoint(format!(
        "it is {what}, without a data.pkl as torch.save's have, and without arrays ({members}); \
         {advice}"
    ))
}

/// Whether the start of a file is surely that of something else.
pub(crate) fn is_known(start: &[u8]) -> bool {
    let known = STARTS
        .iter()
        .any(|(s, ..)| s.len() > 2 && start.starts_with(s));
    known || start.is_empty() || text(start, 0).is_some()
}
