//! `docs/src/what-is-there.md` says which of PyTorch's names there are: made from the sources.
//!
//! `PLEACH_WRITE_PAGES=1 cargo test --test public_api` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::sources::{PACKAGES, exports, public_functions, texts};

/// Names of PyTorch that are spelled otherwise here, or need no function of their own.
const OTHERWISE: [(&str, &str); 29] = [
    ("Module", "`Module`, `Forward`, `ForwardMany`"),
    ("Optimizer", "`Optimizer`, `RuleOptimizer`"),
    ("clone", "the trait `Clone`; `copy` copies the memory"),
    ("sigmoid", "`Tensor::sigmoid`"),
    ("tanh", "`Tensor::tanh`"),
    ("bool", "`to_dtype(DType::Bool)`"),
    ("byte", "`to_dtype(DType::U8)`"),
    ("char", "`to_dtype(DType::I8)`"),
    ("short", "`to_dtype(DType::I16)`"),
    ("int", "`to_dtype(DType::I32)`"),
    ("half", "`to_dtype(DType::F16)`"),
    ("bfloat16", "`to_dtype(DType::BF16)`"),
    ("to", "`to_dtype`"),
    ("type", "`dtype`"),
    ("dim", "`rank`"),
    ("stride", "`strides`"),
    ("numpy", "`array`, `to_array`"),
    ("tolist", "`to_vec`"),
    ("where", "`where_cond`"),
    ("fuse_conv_bn_eval", "`fuse_conv_bn`, `fuse`"),
    ("fuse_linear_bn_eval", "`fuse`"),
    ("default_collate", "`Collate`"),
    ("get_worker_info", "`worker_info`"),
    ("is_floating_point", "`dtype().is_float()`"),
    (
        "register_post_accumulate_grad_hook",
        "`Parameter::register_post_accumulate_grad_hook`",
    ),
    ("true_divide", "`div`"),
    ("new_full", "`full_of(shape, value, x.dtype())`"),
    ("new_ones", "`ones_of(shape, x.dtype())`"),
    ("new_zeros", "`zeros_of(shape, x.dtype())`"),
];

/// The names of PyTorch: see tests/interop/names.py.
fn torch_names() -> Value {
    serde_json::from_str(include_str!("torch_names.json")).expect("it is JSON")
}

/// What is public where a page of PyTorch is looked for.
fn public_of(page: &str) -> BTreeSet<String> {
    let package = match page {
        "torch.Tensor" => {
            let methods = public_functions(&["core"]);
            let methods = methods
                .iter()
                .filter_map(|f| f.name.strip_prefix("Tensor::"));
            return methods.map(str::to_string).collect();
        }
        "torch.nn" | "torch.nn.functional" | "torch.nn.utils" => "nn",
        "torch.nn.init" => "init",
        "torch.utils.data" => "data",
        _ => "optim",
    };
    if !PACKAGES.contains(&package) {
        return BTreeSet::new();
    }
    let in_file = |path: &str| page != "torch.nn.functional" || path.ends_with("functional/mod.rs");
    let texts = texts(&[package]).into_iter();
    let texts: Vec<String> = texts
        .filter(|(path, _)| in_file(path))
        .map(|file| file.1)
        .collect();
    exports(&texts)
}

fn page() -> String {
    let torch = torch_names();
    let version = torch["torch"].as_str().expect("a version");
    let mut out = format!(
        "# What is there, and what is not\n\n\
         Every public name of these pages of PyTorch {version}, and whether pleach has it. The lists are made from the sources by \
         a test (`tests/public_api/what_is_there.rs`). Names of devices, quantised, sparse, complex and named tensors are \
         left out, and so are old spellings.\n"
    );
    for (page, names) in torch["pages"].as_object().expect("pages") {
        let public = public_of(page);
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for name in names.as_array().expect("names") {
            let name = name.as_str().expect("a name");
            match OTHERWISE.iter().find(|(torch, _)| *torch == name) {
                _ if public.contains(name) => there.push(format!("`{name}`")),
                Some((_, ours)) => there.push(format!("`{name}` ({ours})")),
                None => missing.push(format!("`{name}`")),
            }
        }
        let count = there.len() + missing.len();
        write!(out, "\n## {page}: {} of {count}\n", there.len()).expect("a String takes all");
        for (title, names) in [("There", there), ("Not yet", missing)] {
            if !names.is_empty() {
                write!(
                    out,
                    "\n{title}: {}.\n",
                    wrapped(&names.join(", "), title.len() + 2)
                )
                .expect("a String takes all");
            }
        }
    }
    out
}

/// The text in lines of at most 120 characters.
fn wrapped(text: &str, mut column: usize) -> String {
    let mut out = String::new();
    for word in text.split(' ') {
        if column + word.len() + 1 > 120 {
            out.push('\n');
            column = 0;
        } else if !out.is_empty() {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out
}

#[test]
fn the_page_of_what_is_there_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/what-is-there.md");
    let page = page();
    if std::env::var("PLEACH_WRITE_PAGES").is_ok() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/src/what-is-there.md is out of date: PLEACH_WRITE_PAGES=1 cargo test --test public_api"
    );
}

/// A name that is listed as spelled otherwise is not there under PyTorch's name too.
#[test]
fn names_that_are_spelled_otherwise_are_pytorchs() {
    let torch = torch_names();
    let pages = torch["pages"].as_object().expect("pages");
    let all: BTreeSet<&str> = pages
        .values()
        .flat_map(|names| names.as_array().expect("names"))
        .filter_map(Value::as_str)
        .collect();
    for (name, _) in OTHERWISE {
        assert!(all.contains(name), "{name} is on no page");
    }
}
