//! How modules print: PyTorch's tree text (spec/printing.md, section 3).

use std::fmt;

use crate::module::display_name;
use crate::{Forward, Member, Module};

/// The lines after the first, indented; blank ones stay blank.
fn indent_rest(text: &str) -> String {
    let mut lines = text.split('\n');
    let mut out = lines.next().unwrap_or_default().to_string();
    for line in lines {
        out.push('\n');
        if !line.is_empty() {
            out.push_str("  ");
            out.push_str(line);
        }
    }
    out
}

/// The children as `(key): text`; runs of equal neighbours as one where the module asks for it.
fn child_items(module: &dyn Module) -> Vec<String> {
    let mut children = Vec::<(String, String)>::new();
    module.members(&mut |name, member| match member {
        Member::Child(child) => children.push((name.to_string(), text(child))),
        Member::Absent => children.push((name.to_string(), "None".to_string())),
        Member::Parameter(_) | Member::Buffer(_) | Member::Added(_) => {}
    });
    let runs: Vec<&[(String, String)]> = if module.collapses() {
        children.chunk_by(|a, b| a.1 == b.1).collect()
    } else {
        children.chunks(1).collect()
    };
    runs.into_iter()
        .map(|run| {
            let (first, last) = (&run[0], &run[run.len() - 1]);
            let text = indent_rest(&first.1);
            match run.len() {
                1 => format!("({}): {text}", first.0),
                n => format!("({}-{}): {n} x {text}", first.0, last.0),
            }
        })
        .collect()
}

/// How an element type is written in the lines of [`entries`].
pub(crate) enum TypeText {
    /// `torch.float32`
    DType,
    /// `torch.FloatTensor`
    TensorClass,
}

/// The lines of a `ParameterList` or a `ParameterDict`: one for each parameter or buffer of the
/// module itself.
pub(crate) fn entries(module: &dyn Module, type_text: TypeText) -> String {
    let mut lines = Vec::new();
    module.members(&mut |name, member| {
        let (what, dtype, shape) = match member {
            Member::Parameter(p) if p.is_uninitialized() => ("Parameter", p.dtype(), vec![]),
            Member::Parameter(p) => ("Parameter", p.dtype(), p.shape()),
            Member::Buffer(b) => ("Buffer", b.dtype(), b.shape()),
            Member::Child(_) | Member::Added(_) | Member::Absent => return,
        };
        let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
        let sizes = sizes.join("x");
        let dtype = match type_text {
            TypeText::DType => dtype.to_string(),
            TypeText::TensorClass => format!("torch.{}Tensor", dtype.torch_name()),
        };
        lines.push(format!(
            "  ({name}): {what} containing: [{dtype} of size {sizes}]"
        ));
    });
    lines.join("\n")
}

/// PyTorch's `repr(module)`.
pub(crate) fn text(module: &dyn Module) -> String {
    let extra = module.extra_repr();
    let children = child_items(module);
    let name = match crate::parametrized::has_parametrizations(module) {
        true => format!("Parametrized{}", display_name(module)),
        false => display_name(module).to_string(),
    };
    if children.is_empty() && !extra.contains('\n') {
        return format!("{name}({extra})");
    }
    let mut out = format!("{name}(");
    let extra_lines = extra.split('\n').filter(|_| !extra.is_empty());
    for item in extra_lines.chain(children.iter().map(String::as_str)) {
        out.push_str("\n  ");
        out.push_str(item);
    }
    out.push_str("\n)");
    out
}

macro_rules! as_text {
    ($($text:ident for $ty:ident),*) => {$(
        impl fmt::$text for dyn $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&text(self))
            }
        }
    )*};
}
as_text!(Display for Module, Debug for Module, Display for Forward, Debug for Forward);
