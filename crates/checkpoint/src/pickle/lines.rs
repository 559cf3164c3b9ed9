//! The opcodes of protocols 0 and 1 whose argument is a line of text.

use super::cursor::Span;
use super::fault::What;
use super::machine::Machine;
use super::node::{Item, Node, TEXT_PER_VALUE};
use crate::bigint::parse_decimal;

impl Machine<'_> {
    pub fn line_opcode(&mut self, op: u8) -> Result<(), What> {
        let span = self.cursor.line_span()?;
        let line = span.of(self.cursor.bytes);
        match op {
            b'S' => return self.quoted(span),
            b'V' => return self.unicode(span),
            b'P' => return self.persistent_line(span),
            _ => {}
        }
        let Ok(text) = std::str::from_utf8(line) else {
            return Err(no_number(line));
        };
        match op {
            b'p' | b'g' => {
                let number = text.parse().map_err(|_| no_number(line))?;
                match op {
                    b'p' => self.remember(number),
                    _ => self.recall(number),
                }
            }
            b'I' if text == "00" => self.push(Item::Bool(false)),
            b'I' if text == "01" => self.push(Item::Bool(true)),
            b'F' => {
                let value = text.trim().parse().map_err(|_| no_number(line))?;
                self.push(Item::Float(value))
            }
            _ => {
                // As many digits as Python itself reads.
                const MOST_DIGITS: usize = 4300;
                let digits = text.trim().trim_end_matches('L');
                if digits.len() > MOST_DIGITS {
                    return Err(What::Limit("digits of an int", MOST_DIGITS));
                }
                let bytes = parse_decimal(digits).ok_or_else(|| no_number(line))?;
                self.push_integer(&bytes)
            }
        }
    }

    fn push_text(&mut self, text: String) -> Result<(), What> {
        self.count(text.len() / TEXT_PER_VALUE)?;
        self.push_node(Node::Text(text.into()))
    }

    /// A `str` of Python 2 as a literal: `'it\'s'`.
    fn quoted(&mut self, span: Span) -> Result<(), What> {
        let line = span.of(self.cursor.bytes);
        let inner = match line {
            [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
            _ => return Err(What::Corrupt("a text without quotes".to_string())),
        };
        if !inner.contains(&b'\\') {
            let inner = Span {
                start: span.start + 1,
                len: inner.len() as u32,
            };
            let item = self.python2_text(inner);
            return self.push(item);
        }
        let bytes = unescaped(inner)?;
        match String::from_utf8(bytes) {
            Ok(text) => self.push_text(text),
            Err(error) => {
                let bytes = error.into_bytes();
                self.count(bytes.len() / TEXT_PER_VALUE)?;
                self.push_node(Node::Bytes(bytes.into()))
            }
        }
    }

    /// A text in Python's `raw-unicode-escape`: Latin-1, with `\u` and `\U` for the rest.
    fn unicode(&mut self, span: Span) -> Result<(), What> {
        let line = span.of(self.cursor.bytes);
        if line.is_ascii() && !line.contains(&b'\\') {
            return self.push(Item::Text(span));
        }
        let mut text = String::new();
        let mut rest = line;
        while let Some((&first, tail)) = rest.split_first() {
            rest = tail;
            let digits = match (first, tail.first()) {
                (b'\\', Some(b'u')) => 4,
                (b'\\', Some(b'U')) => 8,
                _ => {
                    text.push(char::from(first));
                    continue;
                }
            };
            let code = tail.get(1..=digits).and_then(hexadecimal);
            let Some(c) = code.and_then(char::from_u32) else {
                let what = "an escaped character that is none";
                return Err(What::Corrupt(what.to_string()));
            };
            text.push(c);
            rest = &tail[digits + 1..];
        }
        self.push_text(text)
    }
}

fn no_number(line: &[u8]) -> What {
    let shown = &line[..line.len().min(40)];
    What::Corrupt(format!("'{}' is no number", shown.escape_ascii()))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let all = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| all)?;
    u32::from_str_radix(text, 16).ok()
}

/// The bytes that a literal of Python 2 stands for.
fn unescaped(literal: &[u8]) -> Result<Vec<u8>, What> {
    let mut out = Vec::with_capacity(literal.len());
    let mut rest = literal;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            out.push(first);
            continue;
        }
        let Some((&escape, tail)) = tail.split_first() else {
            return Err(What::Corrupt("a text that ends in a backslash".to_string()));
        };
        rest = tail;
        let byte = match escape {
            b'\\' | b'\'' | b'"' => escape,
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'v' => 11,
            b'x' => {
                let code = tail.get(..2).and_then(hexadecimal);
                let code =
                    code.ok_or_else(|| What::Corrupt("an escaped byte that is none".to_string()))?;
                rest = &tail[2..];
                code as u8
            }
            b'0'..=b'7' => {
                let more = tail.iter().take(2);
                let more = more.take_while(|b| (b'0'..=b'7').contains(b)).count();
                rest = &tail[more..];
                let digits = tail[..more].iter();
                let code = digits.fold(u32::from(escape - b'0'), |code, &b| {
                    code * 8 + u32::from(b - b'0')
                });
                code as u8
            }
            // An unknown escape stands for itself.
            other => {
                out.push(b'\\');
                other
            }
        };
        out.push(byte);
    }
    Ok(out)
}
