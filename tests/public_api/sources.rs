//! The public functions of the workspace, read from its sources.
//!
//! It reads what rustfmt has laid out: an `impl` or `trait` begins a line and ends with a `}` under
//! its first letter, and a function's documentation stands right above it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A public function, or an implementation of an operator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Function {
    /// `Tensor::add`; of a free function, its name alone; `Index for Sequential` of an operator.
    pub name: String,
    /// The crate's folder.
    pub package: &'static str,
    /// Whether its documentation has a section `# Panics`.
    pub panics: bool,
}

/// The crates a program uses, by their folders. (`kernels` is not for users.)
pub const PACKAGES: [&str; 7] = [
    "core",
    "nn",
    "optim",
    "init",
    "checkpoint",
    "data",
    "vision",
];

/// All public functions of these crates.
pub fn public_functions(packages: &[&'static str]) -> BTreeSet<Function> {
    packages.iter().copied().flat_map(of_package).collect()
}

/// The sources of these crates without their tests, by file.
pub fn texts(packages: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for package in packages {
        let mut files = Vec::new();
        list(&folder(package), &mut files);
        let texts = files
            .iter()
            .map(|file| (file.display().to_string(), without_tests(file)));
        found.extend(texts);
    }
    found
}

fn folder(package: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.join("crates").join(package).join("src")
}

fn of_package(package: &'static str) -> Vec<Function> {
    let texts: Vec<String> = texts(&[package]).into_iter().map(|file| file.1).collect();
    let exported = exports(&texts);
    let mut found = Vec::new();
    let mut macros = BTreeMap::new();
    let setters = setters(&texts);
    for text in &texts {
        scan(text, package, &setters, &mut found, &mut macros);
    }
    for text in &texts {
        expand(text, package, &macros, &mut found);
    }
    found.retain(|function| {
        let name = function.name.rsplit(" for ").next().unwrap_or_default();
        let owner = name.split("::").next().unwrap_or_default();
        exported.contains(owner)
    });
    found
}

fn list(folder: &Path, out: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("the sources");
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            list(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn without_tests(file: &Path) -> String {
    let mut text = fs::read_to_string(file).expect("a source");
    // Containers that may have a type parameter are read as if they had none.
    for generic in ["$(<$kind: ?Sized>)?", "$(<$kind>)?", "$($kind: ?Sized,)? "] {
        text = text.replace(generic, "");
    }
    match text.find("#[cfg(test)]\nmod ") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

/// What is public by the module in which it stands.
const IN_PUBLIC_MODULES: [&str; 13] = [
    "RandomState",
    "vjp",
    "jvp",
    "jacobian",
    "hessian",
    "Graph",
    "TracedOperation",
    "TracedCall",
    "trace",
    "is_tracing",
    "Profile",
    "profile",
    "record",
];

/// The names that `pub use` re-exports, and those of modules that are public themselves.
pub fn exports(texts: &[String]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in texts {
        for part in text.split("pub use ").skip(1) {
            let part = part.split(';').next().unwrap_or_default();
            let words = part.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            names.extend(words.map(str::to_string));
        }
        // `pub mod numpy;`, `pub mod functional;` and the globs `pub use deprecated::*;`: what they hold is public.
        names.extend(text.lines().filter_map(|line| {
            let line = line
                .strip_prefix("pub struct ")
                .or(line.strip_prefix("pub trait "))
                .or(line.strip_prefix("pub fn "))?;
            let name = line
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()?;
            IN_PUBLIC_MODULES.contains(&name).then(|| name.to_string())
        }));
    }
    // Made by `old_name!`, re-exported by a glob.
    names.extend(texts.iter().flat_map(|text| old_names(text)));
    names
}

fn old_names(text: &str) -> Vec<String> {
    let calls = text.split("\nold_name!(").skip(1);
    calls
        .filter_map(|call| call.trim_start().split(',').next().map(str::to_string))
        .collect()
}

/// Functions that a macro writes: the owner's variable (`$name`, `$builder`), or nothing for what
/// has no `impl`, then the function.
type Macros = BTreeMap<String, Vec<(String, String, bool)>>;

/// The block that a line is in: how far it is indented, what its functions belong to, and whether
/// they are public without saying so.
struct Block {
    indent: usize,
    owner: Option<String>,
    all_public: bool,
}

/// The rows of `setters!`: `stride: impl Into<Size<D>> = ..;`.
fn setter_rows<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let rows = lines.map(str::trim).filter(|line| {
        line.starts_with(char::is_lowercase)
            && line
                .split_once(": ")
                .is_some_and(|(_, t)| t.contains(" = "))
    });
    rows.map(|row| first_word(row).to_string()).collect()
}

/// The setters that macros of the name `.._setters` write, those of the macros that these use among
/// them.
fn setters(texts: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    let mut using = Vec::new();
    for text in texts {
        for part in text.split("macro_rules! ").skip(1) {
            let name = first_word(part);
            let body = part.split("\n}").next().unwrap_or_default();
            if name.ends_with("_setters") {
                all.insert(name.to_string(), setter_rows(body.lines()));
                let used = body
                    .lines()
                    .map(str::trim)
                    .find(|line| line.ends_with("_setters! {"));
                using.extend(used.map(|line| (name.to_string(), first_word(line).to_string())));
            }
        }
    }
    for (name, used) in using {
        let more = all.get(&used).cloned().unwrap_or_default();
        all.entry(name).or_default().extend(more);
    }
    all
}

fn scan(
    text: &str,
    package: &'static str,
    setters: &BTreeMap<String, Vec<String>>,
    found: &mut Vec<Function>,
    macros: &mut Macros,
) {
    let mut blocks: Vec<Block> = Vec::new();
    let mut within_macro: Option<String> = None;
    let (mut panics, mut hidden) = (false, false);
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if ["}", "};", ")*}"].contains(&trimmed) {
            while blocks.last().is_some_and(|block| block.indent >= indent) {
                blocks.pop();
            }
            if indent == 0 {
                within_macro = None;
            }
        }
        if let Some(name) = line.strip_prefix("macro_rules! ") {
            within_macro = Some(name.trim_end_matches(" {").to_string());
        }
        if let Some(doc) = trimmed.strip_prefix("///") {
            panics |= doc.trim() == "# Panics";
            continue;
        }
        if trimmed.starts_with("#[") || trimmed.starts_with("$(#[") || trimmed.starts_with(")]") {
            hidden |= trimmed == "#[doc(hidden)]";
            continue;
        }
        let rows = match trimmed.split_once('!') {
            Some(("setters", " {")) => {
                let end = " ".repeat(indent) + "}";
                setter_rows(lines.by_ref().take_while(|line| *line != end))
            }
            Some((name, _)) => setters.get(name).cloned().unwrap_or_default(),
            None => Vec::new(),
        };
        if let Some(owner) = blocks.last().and_then(|block| block.owner.clone()) {
            let panics = false;
            match &within_macro {
                Some(name) if !name.ends_with("setters") => {
                    let all = macros.entry(name.clone()).or_default();
                    all.extend(rows.into_iter().map(|row| (owner.clone(), row, panics)));
                }
                Some(_) => {}
                None => found.extend(rows.into_iter().map(|row| {
                    let name = joined(&owner, &row);
                    Function {
                        name,
                        package,
                        panics,
                    }
                })),
            }
        }
        let is_impl = trimmed.starts_with("impl ") || trimmed.starts_with("impl<");
        let is_trait = trimmed.starts_with("pub trait ");
        if is_impl || is_trait {
            let mut header = trimmed.to_string();
            while !header.contains('{') {
                header.push(' ');
                header.push_str(lines.next().unwrap_or("{").trim());
            }
            let (interface, owner) = header_names(&header);
            // `operators!` writes some; see `expand`.
            if let Some(interface) = &interface
                && panics
                && !interface.starts_with('$')
            {
                let name = format!("{interface} for {owner}");
                match &within_macro {
                    Some(name_of_macro) => {
                        let all = macros.entry(name_of_macro.clone()).or_default();
                        all.push((String::new(), name, panics));
                    }
                    None => found.push(Function {
                        name,
                        package,
                        panics,
                    }),
                }
            }
            if !header.trim_end().ends_with('}') && !hidden {
                let owner = interface.is_none().then_some(owner);
                blocks.push(Block {
                    indent,
                    owner,
                    all_public: is_trait,
                });
            } else if !header.trim_end().ends_with('}') {
                blocks.push(Block {
                    indent,
                    owner: None,
                    all_public: false,
                });
            }
        } else if let Some(name) = function_name(trimmed) {
            let said = trimmed.starts_with("pub ");
            let owner = match blocks.last() {
                Some(block) => block.owner.clone().filter(|_| said || block.all_public),
                None => said.then(String::new),
            };
            if let Some(owner) = owner.filter(|_| !hidden) {
                match &within_macro {
                    Some(name_of_macro) => {
                        let all = macros.entry(name_of_macro.clone()).or_default();
                        all.push((owner, name, panics));
                    }
                    None => found.push(Function {
                        name: joined(&owner, &name),
                        package,
                        panics,
                    }),
                }
            }
        }
        (panics, hidden) = (false, false);
    }
}

fn joined(owner: &str, name: &str) -> String {
    match owner {
        "" => name.to_string(),
        _ => format!("{owner}::{name}"),
    }
}

/// `name` of `pub fn name<T>(`.
fn function_name(line: &str) -> Option<String> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("const ").unwrap_or(line);
    let line = line.strip_prefix("fn ")?;
    let end = line.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))?;
    Some(line[..end].to_string())
}

/// The trait and the type of an `impl`; of a `trait`, its name as the type.
fn header_names(header: &str) -> (Option<String>, String) {
    let word = |text: &str| {
        let text = text
            .trim_start()
            .trim_start_matches('&')
            .trim_start_matches("dyn ");
        let end = text.find(|c: char| !(c.is_alphanumeric() || "_$:".contains(c)));
        let path = &text[..end.unwrap_or(text.len())];
        path.trim_end_matches(':')
            .rsplit("::")
            .next()
            .unwrap_or_default()
            .to_string()
    };
    if let Some(rest) = header.strip_prefix("pub trait ") {
        return (None, word(rest));
    }
    let mut rest = &header["impl".len()..];
    if rest.starts_with('<') {
        let mut depth = 0;
        let end = rest.char_indices().find(|&(i, c)| {
            match c {
                '<' => depth += 1,
                '>' if !rest[..i].ends_with('-') => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        rest = &rest[end.map_or(0, |(i, _)| i + 1)..];
    }
    match rest.split_once(" for ") {
        Some((interface, owner)) => (Some(word(interface)), word(owner)),
        None => (None, word(rest)),
    }
}

/// `SGD, SgdGroup, SgdOptions {` and a row for each option.
fn optimizers(call: &str, add: &mut impl FnMut(&[&str], &str, bool)) {
    let rows = call.lines().map(str::trim);
    for row in rows.filter(|row| row.contains(": ") && row.ends_with(',')) {
        add(&["RuleOptimizerBuilder", "Group"], first_word(row), false);
    }
}

/// What the macros write where they are used.
fn expand(text: &str, package: &'static str, macros: &Macros, found: &mut Vec<Function>) {
    let mut add = |owners: &[&str], name: &str, panics: bool| {
        for owner in owners {
            found.push(Function {
                name: joined(owner, name),
                package,
                panics,
            });
        }
    };
    for call in calls_of(text, "operators") {
        for row in call.lines().filter(|row| row.ends_with(';')) {
            let words: Vec<&str> = row.split_whitespace().collect();
            for name in [
                format!("{} for Tensor", words[0]),
                format!("{} for Tensor", words[2]),
                format!("{} for Data", words[2]),
            ] {
                add(&[""], &name, true);
            }
        }
    }
    for (name, functions) in macros {
        for call in calls_of(text, name) {
            let rows = call.lines().map(str::trim);
            match name.as_str() {
                "in_place" => rows
                    .filter(|row| row.contains(" = |t| "))
                    .for_each(|row| add(&["Tensor", "Parameter", "Data"], first_word(row), false)),
                "float_functions" | "step_functions" => rows
                    .filter(|row| row.ends_with("Backward0\";"))
                    .for_each(|row| add(&["Tensor"], first_word(row), false)),
                "questions" => rows
                    .filter(|row| row.contains(": T| "))
                    .for_each(|row| add(&["Tensor"], first_word(row), false)),
                "row_function" => rows
                    .filter(|row| row.contains("Backward0\""))
                    .for_each(|row| add(&["Tensor"], first_word(row), false)),
                "optimizer" => optimizers(call, &mut add),
                "twins" => rows
                    .filter(|row| row.contains(", try_") && !row.starts_with("///"))
                    .for_each(|row| {
                        let name = first_word(row);
                        add(&["Tensor"], name, true);
                        add(&["Tensor"], first_word(&row[name.len() + 2..]), false);
                    }),
                "old_name" => add(&[""], first_word(call.trim_start()), false),
                "dropouts" | "relus" => rows
                    .filter(|row| row.starts_with(char::is_uppercase))
                    .for_each(|row| {
                        let names: Vec<&str> = row.split(", ").collect();
                        for (owner, function, panics) in functions {
                            let which = usize::from(owner == "$builder");
                            add(&[names[which].trim_end_matches(',')], function, *panics);
                        }
                    }),
                "activations" => activations(call, &mut add),
                "losses" | "loss_options" => losses(call, &mut add),
                "by_position" | "by_name" => {
                    let container = first_word(call.trim_start());
                    for (owner, function, panics) in functions {
                        let function = function.replace("$container", container);
                        add(
                            &[&owner.replace("$container", container)],
                            &function,
                            *panics,
                        );
                    }
                }
                "by_dimension" | "pools" => rows
                    .filter(|row| row.contains(" = ") && row.ends_with(">;"))
                    .for_each(|row| add(&[""], first_word(row), false)),
                "max_pools"
                | "adaptive_max_pools"
                | "fractional_max_pools"
                | "lp_pools"
                | "max_unpools" => rows
                    .filter(|row| row.starts_with(char::is_lowercase))
                    .for_each(|row| add(&[""], first_word(row), false)),
                "pads" | "adaptive_pools" | "shuffles" | "softmaxes" | "upsamplings" => rows
                    .filter(|row| row.starts_with(char::is_uppercase))
                    .for_each(|row| add(&[first_word(row)], "new", false)),
                // The rows belong to the `impl` around them: see `scan`.
                "setters" => {}
                // The constructors of whole models.
                "known" => {}
                _ if functions
                    .iter()
                    .all(|f| !f.1.contains('$') && !f.0.contains('$')) => {}
                _ => panic!("sources.rs does not know what the macro {name}! writes"),
            }
        }
    }
}

/// What the rows of the table of activations write: `Layer, Builder, function, { p = .. }, flag inplace`.
fn activations(rows: &str, add: &mut impl FnMut(&[&str], &str, bool)) {
    for row in rows.split("Backward0\";") {
        let lines = row.lines().map(str::trim);
        let row: Vec<&str> = lines.filter(|l| !l.starts_with("///")).collect();
        let row = row.join(" ");
        let Some((head, _)) = row.split_once('|') else {
            continue;
        };
        let head = match head.split_once('(').zip(head.split_once("), ")) {
            Some(((layer, _), (_, rest))) if rest.len() < head.len() => format!("{layer}, {rest}"),
            _ => head.to_string(),
        };
        let names: Vec<&str> = head.trim().splitn(4, ", ").collect();
        let [layer, builder, function, rest] = names[..] else {
            panic!("a row of another form: {head}");
        };
        // What PyTorch requires stands behind the layer's name.
        let layer = first_word(layer);
        for name in ["new", "builder"] {
            add(&[layer], name, false);
        }
        add(&[builder], "build", false);
        add(&[""], function, false);
        for part in rest
            .split(" = ")
            .collect::<Vec<_>>()
            .split_last()
            .map_or(&[][..], |p| p.1)
        {
            let start = part.rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
            let parameter = &part[start.map_or(0, |i| i + 1)..];
            add(&[layer, builder], parameter, false);
        }
        if rest.contains("flag inplace") {
            add(&[builder], "inplace", false);
        }
    }
}

/// What the rows of the tables of losses write: `Loss, Builder, Reduction {`, or `Options<'a> {`, and
/// below it a weight (`weight;`) or an option (`beta: f64 = 1.0;`) a line.
fn losses(rows: &str, add: &mut impl FnMut(&[&str], &str, bool)) {
    let mut builder = "";
    for row in rows.lines().map(str::trim) {
        if row.starts_with(char::is_uppercase) && row.ends_with('{') {
            let names: Vec<&str> = row.split(", ").map(first_word).collect();
            add(&[names[0]], "new", false);
            builder = names[0];
            if let [loss, its_builder, _] = names[..] {
                add(&[loss], "builder", false);
                add(&[its_builder], "build", false);
                builder = its_builder;
            }
            add(&[builder], "reduction", false);
        } else if row.starts_with(char::is_lowercase) && row.ends_with(';') {
            let name = first_word(row);
            let rest = &row[name.len()..];
            if rest == ";" || rest.starts_with(": ") && rest.contains(" = ") {
                add(&[builder], name, false);
            }
        }
    }
}

/// What stands between the braces or parentheses of each use of a macro.
fn calls_of<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (open, close) in [("! {", "\n}"), ("!(", ");")] {
        let start = format!("{name}{open}");
        let mut rest = text;
        while let Some(at) = rest.find(&start) {
            let is_definition = rest[..at].ends_with("macro_rules! ");
            let is_whole_word = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            rest = &rest[at + start.len()..];
            if is_whole_word && !is_definition {
                found.push(&rest[..rest.find(close).unwrap_or(rest.len())]);
            }
        }
    }
    found
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    &text[..end.unwrap_or(text.len())]
}
