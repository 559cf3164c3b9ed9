//! Reads Python expressions that have no syntax tree beside them.
//!
//! Numbers, strings, names, attributes, calls, subscripts, tuples, lists, operators and one
//! comparison; what else Python has is an error.

use super::ast::Expr;
use super::value::{Eval, bug};

/// Reads an expression. `name` says what a plain name means.
pub fn parse(source: &str, name: &dyn Fn(&str) -> Expr) -> Eval<Expr> {
    let mut parser = Parser { rest: source, name };
    let expr = parser.expr()?;
    match parser.rest.trim() {
        "" => Ok(expr),
        rest => bug(format!("cannot read {rest:?} in {source:?}")),
    }
}

struct Parser<'a> {
    rest: &'a str,
    name: &'a dyn Fn(&str) -> Expr,
}

impl<'a> Parser<'a> {
    fn eat(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The first of these tokens that comes next.
    fn eat_any(&mut self, tokens: &[&'static str]) -> Option<&'static str> {
        tokens.iter().copied().find(|token| self.eat(token))
    }

    fn starts_with(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.starts_with(token)
    }

    fn take(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn identifier(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        match self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            true => "",
            false => self.take(|c| c.is_alphanumeric() || c == '_'),
        }
    }

    /// One comparison, at most.
    fn expr(&mut self) -> Eval<Expr> {
        let left = self.sum()?;
        Ok(match self.eat_any(&["<=", ">=", "==", "!=", "<", ">"]) {
            Some(op) => Expr::Compare(op.into(), Box::new(left), Box::new(self.sum()?)),
            None => left,
        })
    }

    fn sum(&mut self) -> Eval<Expr> {
        let mut left = self.product()?;
        while let Some(op) = self.eat_any(&["+", "-"]) {
            left = Expr::Binary(op.into(), Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Eval<Expr> {
        let mut left = self.factor()?;
        while let Some(op) = self.eat_any(&["*", "@", "//", "/", "%"]) {
            left = Expr::Binary(op.into(), Box::new(left), Box::new(self.factor()?));
        }
        Ok(left)
    }

    /// A sign, or a power, which binds closer than the sign before it.
    fn factor(&mut self) -> Eval<Expr> {
        if self.eat("-") {
            return Ok(Expr::Unary("-".into(), Box::new(self.factor()?)));
        }
        let base = self.postfix()?;
        Ok(match self.eat("**") {
            true => Expr::Binary("**".into(), Box::new(base), Box::new(self.factor()?)),
            false => base,
        })
    }

    fn postfix(&mut self) -> Eval<Expr> {
        let mut value = self.atom()?;
        loop {
            if self.eat(".") {
                value = Expr::Attr(Box::new(value), self.identifier().to_string());
            } else if self.eat("(") {
                value = self.call(value)?;
            } else if self.eat("[") {
                let (mut items, comma) = self.items("]", Self::subscript)?;
                let by = match (items.pop(), comma) {
                    (Some(only), false) => only,
                    (last, _) => {
                        items.extend(last);
                        Expr::Tuple(items)
                    }
                };
                value = Expr::Index(Box::new(value), Box::new(by));
            } else {
                return Ok(value);
            }
        }
    }

    /// Items up to a closing bracket, and whether there was a comma.
    fn items<T>(
        &mut self,
        close: &str,
        item: impl Fn(&mut Self) -> Eval<T>,
    ) -> Eval<(Vec<T>, bool)> {
        let (mut items, mut comma) = (Vec::new(), false);
        while !self.eat(close) {
            items.push(item(self)?);
            if self.eat(",") {
                comma = true;
            } else if !self.starts_with(close) {
                return bug(format!("expected {close} before {:?}", self.rest));
            }
        }
        Ok((items, comma))
    }

    fn call(&mut self, callee: Expr) -> Eval<Expr> {
        let (given, _) = self.items(")", |parser| {
            let before = parser.rest;
            let name = parser.identifier();
            if !name.is_empty() && !parser.starts_with("==") && parser.eat("=") {
                return Ok((Some(name.to_string()), parser.expr()?));
            }
            parser.rest = before;
            Ok((None, parser.expr()?))
        })?;
        let (mut args, mut kwargs) = (Vec::new(), Vec::new());
        for (name, value) in given {
            match name {
                Some(name) => kwargs.push((name, value)),
                None => args.push(value),
            }
        }
        Ok(Expr::Call(Box::new(callee), args, kwargs))
    }

    /// An index, or a slice `start:stop:step`.
    fn subscript(&mut self) -> Eval<Expr> {
        let mut parts = Vec::new();
        loop {
            let absent = [":", ",", "]"].iter().any(|end| self.starts_with(end));
            parts.push(if absent { None } else { Some(self.expr()?) });
            if !self.eat(":") {
                break;
            }
        }
        match (parts.len(), parts.pop()) {
            (1, Some(Some(index))) => Ok(index),
            (1, _) => bug("an empty subscript"),
            (_, last) => {
                parts.extend(last);
                Ok(Expr::Slice(parts))
            }
        }
    }

    fn atom(&mut self) -> Eval<Expr> {
        if self.eat("...") {
            return Ok(Expr::Ellipsis);
        }
        if self.eat("(") {
            let (mut items, comma) = self.items(")", Self::expr)?;
            return Ok(match (items.len(), comma) {
                (1, false) => items.remove(0),
                _ => Expr::Tuple(items),
            });
        }
        if self.eat("[") {
            return Ok(Expr::List(self.items("]", Self::expr)?.0));
        }
        if let Some(quote) = self.eat_any(&["'", "\""]) {
            let text = self.take(|c| !quote.starts_with(c)).to_string();
            return match self.rest.strip_prefix(quote) {
                Some(rest) => {
                    self.rest = rest;
                    Ok(Expr::Str(text))
                }
                None => bug("a string without end"),
            };
        }
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(self.number());
        }
        match self.identifier() {
            "" => bug(format!("cannot read {:?}", self.rest)),
            "True" => Ok(Expr::Bool(true)),
            "False" => Ok(Expr::Bool(false)),
            "None" => Ok(Expr::None),
            name => Ok((self.name)(name)),
        }
    }

    fn number(&mut self) -> Expr {
        let start = self.rest;
        self.take(|c| c.is_ascii_digit() || c == '.');
        if self.rest.starts_with(['e', 'E']) {
            self.rest = &self.rest[1..];
            if self.rest.starts_with(['+', '-']) {
                self.rest = &self.rest[1..];
            }
            self.take(|c| c.is_ascii_digit());
        }
        let text = &start[..start.len() - self.rest.len()];
        match text.parse::<i128>() {
            Ok(_) => Expr::Int(text.to_string()),
            Err(_) => Expr::Float(text.to_string()),
        }
    }
}
