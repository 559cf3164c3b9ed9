//! Each layer and loss has a page: shapes, and an example that asserts something. Each option says its
//! default.

use std::collections::BTreeMap;

use crate::sources::{exports, texts};

/// What is exported among the layers and is none.
const NO_LAYERS: [&str; 6] = [
    "ConvNd",
    "KlDivReduction",
    "Lazy",
    "LazyLayer",
    "Loss",
    "Reduction",
];

/// What follows a doc comment: a name, and the comment above it.
fn documented(text: &str) -> Vec<(&str, String)> {
    let (mut found, mut doc) = (Vec::new(), String::new());
    for line in text.lines().map(str::trim) {
        if let Some(more) = line.strip_prefix("///") {
            doc += more;
            doc.push('\n');
        } else if !line.starts_with("#[") && !doc.is_empty() {
            found.push((line, std::mem::take(&mut doc)));
        }
    }
    found
}

fn name_of(line: &str) -> &str {
    let line = line
        .trim_start_matches("pub struct ")
        .trim_start_matches("pub type ");
    let end = line.find(|c: char| !c.is_alphanumeric());
    &line[..end.unwrap_or(line.len())]
}

#[test]
fn every_layer_and_loss_has_shapes_and_an_example() {
    let all = texts(&["nn"]);
    let lists: Vec<String> = all
        .iter()
        .filter(|(path, _)| path.ends_with("layers/mod.rs") || path.ends_with("losses/mod.rs"))
        .map(|file| file.1.clone())
        .collect();
    let pages = ["/layers/", "/losses/", "/activations.rs"];
    let files = all
        .iter()
        .filter(|(path, _)| pages.iter().any(|page| path.contains(page)));
    let rows = files.flat_map(|(_, text)| documented(text));
    let docs: BTreeMap<&str, String> = rows.map(|(line, doc)| (name_of(line), doc)).collect();
    let has_page = |name: &str| {
        docs.get(name).is_some_and(|doc| {
            doc.contains("assert") && (doc.contains("hapes") || doc.contains("Any shape"))
        })
    };
    let names = exports(&lists).into_iter().filter(|name| {
        let is_layer = name.starts_with(char::is_uppercase) && !name.ends_with("Builder");
        is_layer && !NO_LAYERS.contains(&&**name)
    });
    let mut layers = 0;
    let without: Vec<String> = names
        .inspect(|_| layers += 1)
        // `Conv1d` is explained by `Conv`, `LazyConv1d` by `LazyConvNd`.
        .filter(|name| {
            let dimensions = ["1d", "2d", "3d"].into_iter();
            let source = dimensions.filter_map(|d| name.strip_suffix(d)).next();
            let source = source.unwrap_or(name);
            let lazy = source.replace("ConvTranspose", "Conv") + "Nd";
            !has_page(name) && !has_page(source) && !has_page(&lazy)
        })
        .collect();
    assert!(
        without.is_empty(),
        "no shapes, or no assertion: {without:#?}"
    );
}

#[test]
fn every_option_says_its_default() {
    let (mut found, mut options) = (Vec::new(), 0);
    for (path, text) in texts(&["nn"]) {
        for (line, doc) in documented(&text) {
            // A row of `setters!` and its like, or a setter.
            let after_name = line.trim_start_matches(|c: char| c.is_lowercase() || c == '_');
            let is_row =
                after_name.starts_with(": ") && line.contains(" = ") && line.ends_with(';');
            let is_setter = line.starts_with("pub fn ") && line.contains("(mut self, ");
            options += usize::from(is_row || is_setter);
            let says_so = doc.contains("default") || path.ends_with("chain.rs");
            if (is_row || is_setter) && !says_so && !line.contains("mut self, module") {
                found.push(format!("{path}: {line}"));
            }
        }
    }
    assert!(options > 150, "only {options} options were found");
    assert!(found.is_empty(), "without a default: {found:#?}");
}
