//! How a [`Value`] is shown: small ones as Python prints them, larger ones as a tree.

use std::fmt::{self, Write};

use pleach_core::print::python_float;

use crate::{Dict, Opaque, Value};

/// Characters of what is shown in one line.
const WIDTH: usize = 80;
/// Lines of a tree, and of the entries of one container in it.
const LINES: usize = 200;
const ENTRIES: usize = 60;
/// Containers within containers whose entries are shown.
const LEVELS: usize = 12;
/// Characters of the debug form.
const LONGEST: usize = 1 << 20;

/// What fits a line is shown as Python prints it. Anything larger becomes a tree, a line for each
/// entry, with tensors by dtype and shape; long containers and texts are cut, and say so.
///
/// ```
/// use pleach::checkpoint::{Dict, Value};
/// use pleach::Tensor;
/// let state = Dict::new()
///     .with("conv1.weight", Tensor::zeros([64, 3, 7, 7]))
///     .with("fc.weight", Tensor::zeros([1000, 512]));
/// let run = Value::from(Dict::new().with("epoch", 90).with("model", state));
/// assert_eq!(run.get("epoch")?.to_string(), "90");
/// assert_eq!(
///     run.to_string(),
///     "dict of 2 entries
/// ├─ epoch: 90
/// └─ model: dict of 2 entries
///    ├─ conv1.weight: <torch.float32 [64, 3, 7, 7]>
///    └─ fc.weight: <torch.float32 [1000, 512]>"
/// );
/// # Ok::<(), pleach::checkpoint::Error>(())
/// ```
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, whole) = in_line(self, WIDTH);
        if whole || children(self).is_none() {
            return f.write_str(&line);
        }
        f.write_str(&title(self))?;
        let mut left = LINES;
        branches(self, f, &mut String::new(), &mut left, LEVELS)
    }
}

/// As Python prints it, in one line; a tensor is shown by dtype and shape only.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_line(self, LONGEST).0)
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The value as one line, and whether all of it fitted; what did not ends in `…`.
fn in_line(value: &Value, most: usize) -> (String, bool) {
    let mut out = Limited {
        text: String::new(),
        left: most,
    };
    match line(value, &mut out) {
        Ok(()) => (out.text, true),
        Err(fmt::Error) => (out.text + "…", false),
    }
}

/// A text that takes so many characters, and an error for the next.
struct Limited {
    text: String,
    left: usize,
}

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}

fn line(value: &Value, out: &mut Limited) -> fmt::Result {
    match value {
        Value::None => out.write_str("None"),
        Value::Bool(value) => out.write_str(if *value { "True" } else { "False" }),
        Value::Int(value) => write!(out, "{value}"),
        Value::BigInt(value) => write!(out, "{value}"),
        Value::Float(value) => out.write_str(&python_float(*value)),
        Value::Str(text) => quoted_text(text, out),
        Value::Bytes(bytes) => quoted_bytes(bytes, out),
        Value::List(items) => in_brackets(out, "[", items, "]"),
        Value::Tuple(items) if items.len() == 1 => in_brackets(out, "(", items, ",)"),
        Value::Tuple(items) => in_brackets(out, "(", items, ")"),
        Value::Set(items) => in_brackets(out, "{", items, "}"),
        Value::Dict(dict) => {
            out.write_str("{")?;
            for (i, (key, value)) in dict.iter().enumerate() {
                out.write_str(if i > 0 { ", " } else { "" })?;
                line(key, out)?;
                out.write_str(": ")?;
                line(value, out)?;
            }
            out.write_str("}")
        }
        Value::Tensor(tensor) => write!(out, "<{} {:?}>", tensor.dtype(), tensor.shape()),
        Value::Unsigned(tensor) => write!(out, "{tensor:?}"),
        Value::Parameter { data, .. } => {
            write!(out, "<parameter {} {:?}>", data.dtype(), data.shape())
        }
        Value::Size(sizes) => out.write_str(&pleach_core::size_text(sizes)),
        Value::DType(name) => write!(out, "torch.{name}"),
        Value::Device(name) => write!(out, "device('{name}')"),
        Value::Opaque(opaque) => object(opaque, out),
    }
}

/// `<class module.name>`, or `<module.name(arguments) name=attribute>`.
fn object(opaque: &Opaque, out: &mut Limited) -> fmt::Result {
    if opaque.is_reference() {
        return write!(out, "<class {}>", opaque.class());
    }
    if opaque.is_cycle() {
        return write!(out, "<the {} that this is a part of>", opaque.class());
    }
    write!(out, "<{}", opaque.class())?;
    if !opaque.arguments().is_empty() {
        in_brackets(out, "(", opaque.arguments(), ")")?;
    }
    for (label, value) in parts_of(opaque) {
        write!(out, " {label}=")?;
        line(value, out)?;
    }
    out.write_str(">")
}

/// Python's quotes: single ones, unless there are only such within.
fn quote_for(has_single: bool, has_double: bool) -> char {
    if has_single && !has_double { '"' } else { '\'' }
}

fn quoted_text(text: &str, out: &mut Limited) -> fmt::Result {
    let quote = quote_for(text.contains('\''), text.contains('"'));
    out.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\\' => out.write_str("\\\\")?,
            _ if c == quote => write!(out, "\\{c}")?,
            _ if c.is_control() => write!(out, "\\x{:02x}", u32::from(c))?,
            _ if is_printable(c) => out.write_char(c)?,
            _ if u32::from(c) < 0x1_0000 => write!(out, "\\u{:04x}", u32::from(c))?,
            _ => write!(out, "\\U{:08x}", u32::from(c))?,
        }
    }
    out.write_char(quote)
}

fn is_printable(c: char) -> bool {
    // After another character, since marks are only escaped alone.
    let pair: String = ['a', c].into_iter().collect();
    !pair
        .escape_debug()
        .skip(1)
        .collect::<String>()
        .starts_with("\\u")
}

fn quoted_bytes(bytes: &[u8], out: &mut Limited) -> fmt::Result {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    write!(out, "b{quote}")?;
    for &byte in bytes {
        match char::from(byte) {
            c @ ('\'' | '"') if c != quote => out.write_char(c)?,
            _ => write!(out, "{}", byte.escape_ascii())?,
        }
    }
    out.write_char(quote)
}

fn in_brackets(out: &mut Limited, open: &str, items: &[Value], close: &str) -> fmt::Result {
    out.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        out.write_str(if i > 0 { ", " } else { "" })?;
        line(item, out)?;
    }
    out.write_str(close)
}

/// What an object has beside its class and arguments, by name.
fn parts_of(opaque: &Opaque) -> Vec<(String, &Value)> {
    let mut out: Vec<(String, &Value)> = Vec::new();
    for (key, value) in opaque.keywords().iter() {
        out.push((label(key), value));
    }
    let attributes = opaque.attributes().flat_map(Dict::iter);
    out.extend(attributes.map(|(key, value)| (label(key), value)));
    if opaque.attributes().next().is_none()
        && let Some(state) = opaque.state()
    {
        out.push(("state".to_string(), state));
    }
    let entries = opaque.entries().iter();
    out.extend(entries.map(|(key, value)| (format!("[{}]", in_line(key, WIDTH).0), value)));
    let items = opaque.items().iter().enumerate();
    out.extend(items.map(|(i, value)| (format!("[{i}]"), value)));
    out
}

/// A key without quotes, which may be long.
fn label(key: &Value) -> String {
    match key {
        Value::Str(text) => {
            let text: String = text.escape_debug().collect();
            match text.chars().count() > WIDTH {
                true => text.chars().take(WIDTH).chain(['…']).collect(),
                false => text,
            }
        }
        other => in_line(other, WIDTH).0,
    }
}

/// The entries of a container that is shown as a tree, by name.
fn children(value: &Value) -> Option<Vec<(String, &Value)>> {
    let found: Vec<(String, &Value)> = match value {
        Value::Dict(dict) => dict.iter().map(|(k, v)| (label(k), v)).collect(),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
            // A long list of numbers is a line that is cut.
            if items.iter().all(is_leaf) {
                return None;
            }
            let items = items.iter().enumerate();
            items.map(|(i, v)| (i.to_string(), v)).collect()
        }
        Value::Opaque(opaque) => {
            let arguments = opaque.arguments().iter().enumerate();
            let arguments = arguments.map(|(i, v)| (format!("argument {i}"), v));
            arguments.chain(parts_of(opaque)).collect()
        }
        _ => return None,
    };
    (!found.is_empty()).then_some(found)
}

fn is_leaf(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Tuple(_) | Value::Set(_) | Value::Dict(_) => false,
        Value::Tensor(_) | Value::Parameter { .. } | Value::Unsigned(_) => false,
        Value::Opaque(opaque) => opaque.is_reference() || opaque.is_cycle(),
        _ => true,
    }
}

/// The line above a container's entries.
fn title(value: &Value) -> String {
    let counted = |what: &str, n: usize, one: &str, more: &str| {
        format!("{what} of {n} {}", if n == 1 { one } else { more })
    };
    match value {
        Value::Dict(dict) if dict.is_ordered() => {
            counted("OrderedDict", dict.len(), "entry", "entries")
        }
        Value::Dict(dict) => counted("dict", dict.len(), "entry", "entries"),
        Value::List(items) => counted("list", items.len(), "item", "items"),
        Value::Tuple(items) => counted("tuple", items.len(), "item", "items"),
        Value::Set(items) => counted("set", items.len(), "item", "items"),
        Value::Opaque(opaque) => format!("object of {}", opaque.class()),
        other => in_line(other, WIDTH).0,
    }
}

/// The lines below a container, each after `indent`.
fn branches(
    value: &Value,
    f: &mut fmt::Formatter<'_>,
    indent: &mut String,
    left: &mut usize,
    levels: usize,
) -> fmt::Result {
    let children = children(value).unwrap_or_default();
    let all = children.len();
    for (i, (label, child)) in children.into_iter().enumerate() {
        if i == ENTRIES || *left == 0 {
            return write!(f, "\n{indent}└─ … {} more", all - i);
        }
        *left -= 1;
        let is_last = i + 1 == all;
        let branch = if is_last { "└─" } else { "├─" };
        write!(f, "\n{indent}{branch} {label}: ")?;
        let (line, whole) = in_line(child, WIDTH);
        if whole || levels == 0 || self::children(child).is_none() {
            f.write_str(&line)?;
            if let (false, Value::List(items) | Value::Tuple(items)) = (whole, child) {
                write!(f, " ({} items)", items.len())?;
            }
            continue;
        }
        f.write_str(&title(child))?;
        let before = indent.len();
        indent.push_str(if is_last { "   " } else { "│  " });
        branches(child, f, indent, left, levels - 1)?;
        indent.truncate(before);
    }
    Ok(())
}
