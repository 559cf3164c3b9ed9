//! The syntax trees that stand beside Python text in the golden data (golden/README.md), as types.
//!
//! A node of a kind that is not listed there is an error of the data or of this reader, never a
//! reason to skip a case.

use serde_json::Value as Json;

/// A statement.
#[derive(Debug)]
pub enum Stmt {
    Expr(Expr),
    Assign(Expr, Expr),
    /// `target op= value`.
    Update(String, Expr, Expr),
    Del(Vec<Expr>),
    For(Expr, Expr, Vec<Stmt>),
    With(Vec<Expr>, Vec<Stmt>),
}

/// An expression. Numbers keep their text: PyTorch prints `value=20` and `value=20.0` differently.
#[derive(Debug, Clone)]
pub enum Expr {
    Int(String),
    Float(String),
    Bool(bool),
    Str(String),
    None,
    Ellipsis,
    Name(String),
    Attr(Box<Expr>, String),
    Call(Box<Expr>, Vec<Expr>, Vec<(String, Expr)>),
    Tuple(Vec<Expr>),
    List(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    Unary(String, Box<Expr>),
    Binary(String, Box<Expr>, Box<Expr>),
    Compare(String, Box<Expr>, Box<Expr>),
    Index(Box<Expr>, Box<Expr>),
    Slice(Vec<Option<Expr>>),
    Lambda(Vec<String>, Box<Expr>),
    Star(Box<Expr>),
    /// `element for target in items`.
    Comprehension(Box<Expr>, Box<Expr>, Box<Expr>),
}

/// Reads a list of statements.
pub fn statements(json: &Json) -> Result<Vec<Stmt>, String> {
    list(json)?.iter().map(statement).collect()
}

fn statement(json: &Json) -> Result<Stmt, String> {
    let keys = keys(json)?;
    Ok(match keys.as_slice() {
        ["expr"] => Stmt::Expr(expr(&json["expr"])?),
        ["assign", "value"] => Stmt::Assign(expr(&json["assign"])?, expr(&json["value"])?),
        ["target", "update", "value"] => Stmt::Update(
            text(&json["update"])?,
            expr(&json["target"])?,
            expr(&json["value"])?,
        ),
        ["del"] => Stmt::Del(exprs(&json["del"])?),
        ["body", "for", "in"] => Stmt::For(
            expr(&json["for"])?,
            expr(&json["in"])?,
            statements(&json["body"])?,
        ),
        ["body", "with"] => Stmt::With(exprs(&json["with"])?, statements(&json["body"])?),
        _ => return Err(format!("unknown kind of statement: {keys:?}")),
    })
}

fn expr(json: &Json) -> Result<Expr, String> {
    let keys = keys(json)?;
    let sub = |key: &str| expr(&json[key]).map(Box::new);
    Ok(match keys.as_slice() {
        ["int"] => Expr::Int(text(&json["int"])?),
        ["float"] => Expr::Float(text(&json["float"])?),
        ["bool"] => Expr::Bool(json["bool"].as_bool().ok_or("bool: not a truth value")?),
        ["str"] => Expr::Str(text(&json["str"])?),
        ["none"] => Expr::None,
        ["ellipsis"] => Expr::Ellipsis,
        ["name"] => Expr::Name(text(&json["name"])?),
        ["attr", "of"] => Expr::Attr(sub("of")?, text(&json["attr"])?),
        ["args", "call", "kwargs"] => {
            let kwargs = json["kwargs"].as_object().ok_or("kwargs: not an object")?;
            Expr::Call(
                sub("call")?,
                exprs(&json["args"])?,
                kwargs
                    .iter()
                    .map(|(name, e)| Ok((name.clone(), expr(e)?)))
                    .collect::<Result<_, String>>()?,
            )
        }
        ["tuple"] => Expr::Tuple(exprs(&json["tuple"])?),
        ["list"] => Expr::List(exprs(&json["list"])?),
        ["dict"] => Expr::Dict(
            list(&json["dict"])?
                .iter()
                .map(|pair| match list(pair)?.as_slice() {
                    [key, value] => Ok((expr(key)?, expr(value)?)),
                    _ => Err("dict: not a pair".to_string()),
                })
                .collect::<Result<_, _>>()?,
        ),
        ["unary", "x"] => Expr::Unary(text(&json["unary"])?, sub("x")?),
        ["binary", "x", "y"] => Expr::Binary(text(&json["binary"])?, sub("x")?, sub("y")?),
        ["compare", "x", "y"] => Expr::Compare(text(&json["compare"])?, sub("x")?, sub("y")?),
        ["by", "index"] => Expr::Index(sub("index")?, sub("by")?),
        ["slice"] => Expr::Slice(
            list(&json["slice"])?
                .iter()
                .map(|part| (!part.is_null()).then(|| expr(part)).transpose())
                .collect::<Result<_, _>>()?,
        ),
        ["body", "lambda"] => Expr::Lambda(
            list(&json["lambda"])?
                .iter()
                .map(text)
                .collect::<Result<_, _>>()?,
            sub("body")?,
        ),
        ["star"] => Expr::Star(sub("star")?),
        ["comprehension", "for", "in"] => {
            Expr::Comprehension(sub("comprehension")?, sub("for")?, sub("in")?)
        }
        _ => return Err(format!("unknown kind of expression: {keys:?}")),
    })
}

fn exprs(json: &Json) -> Result<Vec<Expr>, String> {
    list(json)?.iter().map(expr).collect()
}

/// The keys of a node, sorted.
fn keys(json: &Json) -> Result<Vec<&str>, String> {
    let node = json
        .as_object()
        .ok_or_else(|| format!("not a node: {json}"))?;
    let mut keys: Vec<&str> = node.keys().map(String::as_str).collect();
    keys.sort_unstable();
    Ok(keys)
}

fn list(json: &Json) -> Result<&Vec<Json>, String> {
    json.as_array().ok_or_else(|| format!("not a list: {json}"))
}

fn text(json: &Json) -> Result<String, String> {
    json.as_str()
        .map(str::to_string)
        .ok_or_else(|| format!("not a text: {json}"))
}
