//! The machine: runs a pickle's opcodes, and makes nodes of them.

use std::collections::HashMap;

use super::cursor::{Cursor, Span};
use super::fault::{Fault, What};
use super::globals::{Known, is_dangerous, modern};
use super::node::{DictNode, Item, Node, StorageRef, TEXT_PER_VALUE, type_of};
use crate::Limits;

/// What a pickle says.
#[derive(Debug)]
pub(crate) struct Pickled<'a> {
    /// The bytes, which texts are pieces of.
    pub bytes: &'a [u8],
    pub root: Item,
    pub nodes: Vec<Node>,
    /// The classes and functions that it names.
    pub names: Vec<String>,
    /// The storages that its tensors are views of, each once.
    pub storages: Vec<StorageRef>,
    /// Bytes that the pickle takes.
    pub len: usize,
    /// Values that were pushed.
    pub values: usize,
}

/// Runs the pickle that the bytes start with. Names that are not known are refused, or, if `opaque`
/// says so, make objects without contents of their own.
pub(crate) fn run<'a>(
    bytes: &'a [u8],
    limits: &Limits,
    opaque: bool,
) -> Result<Pickled<'a>, Fault> {
    let mut machine = Machine {
        cursor: Cursor { bytes, at: 0 },
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        nodes: Vec::new(),
        names: Vec::new(),
        by_name: HashMap::new(),
        storages: Vec::new(),
        by_key: HashMap::new(),
        values: 0,
        limits,
        opaque,
    };
    if bytes.len() > u32::MAX as usize {
        let what = What::Limit("bytes of a pickle", u32::MAX as usize);
        return Err(Fault { at: 0, what });
    }
    loop {
        let at = machine.cursor.at;
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => {
                return Ok(Pickled {
                    bytes,
                    root,
                    len: machine.cursor.at,
                    values: machine.values,
                    nodes: machine.nodes,
                    names: machine.names,
                    storages: machine.storages,
                });
            }
            Err(what) => return Err(Fault { at, what }),
        }
    }
}

pub(super) struct Machine<'a> {
    pub cursor: Cursor<'a>,
    stack: Vec<Item>,
    /// Where the stack was when each open mark was set.
    marks: Vec<usize>,
    memo: HashMap<u32, Item>,
    pub nodes: Vec<Node>,
    pub names: Vec<String>,
    by_name: HashMap<String, Item>,
    pub storages: Vec<StorageRef>,
    pub by_key: HashMap<String, usize>,
    /// Values pushed and remembered so far.
    values: usize,
    pub limits: &'a Limits,
    /// Whether objects of unknown classes are read.
    pub opaque: bool,
}

impl Machine<'_> {
    /// Runs one opcode; the root when it was the last.
    fn step(&mut self) -> Result<Option<Item>, What> {
        let op = self.cursor.u8()?;
        match op {
            b'.' => return self.pop().map(Some),
            // The protocol and the frame say nothing that is needed.
            0x80 => drop(self.cursor.u8()?),
            0x95 => drop(self.cursor.array::<8>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => self.push(self.top()?)?,
            b'N' => self.push(Item::None)?,
            0x88 => self.push(Item::Bool(true))?,
            0x89 => self.push(Item::Bool(false))?,
            b'J' | b'K' | b'M' | 0x8a | 0x8b | b'G' => self.number(op)?,
            b'X' | 0x8c | 0x8d | b'T' | b'U' | b'B' | b'C' | 0x8e | 0x96 => self.text(op)?,
            b']' => self.push_node(Node::List(Vec::new()))?,
            b')' => self.push_node(Node::Tuple(Box::default()))?,
            b'}' => self.push_node(Node::Dict(Box::default()))?,
            0x8f => self.push_node(Node::Set(Vec::new()))?,
            b'l' | b't' | b'd' | 0x91 => self.container_of_mark(op)?,
            0x85..=0x87 => self.tuple((op - 0x84) as usize)?,
            b'a' | b'e' | 0x90 => self.append(op)?,
            b's' | b'u' => self.set_items(op)?,
            b'q' | b'r' | 0x94 => self.put(op)?,
            b'h' | b'j' => self.get(op)?,
            b'I' | b'L' | b'F' | b'S' | b'V' | b'p' | b'g' | b'P' => self.line_opcode(op)?,
            b'c' => {
                let global = self.named()?;
                self.push(global)?;
            }
            0x93 => self.stack_global()?,
            b'Q' => self.persistent()?,
            b'R' | 0x81 | 0x92 | b'i' | b'o' => self.make(op)?,
            b'b' => self.build()?,
            0x82..=0x84 => {
                let what = "an extension code, which stands for a global that only Python knows";
                return Err(What::Unsupported(what.to_string()));
            }
            0x97 | 0x98 => {
                let what = "a buffer outside of the pickle (opcode NEXT_BUFFER of protocol 5)";
                return Err(What::Unsupported(what.to_string()));
            }
            _ => {
                return Err(What::Corrupt(format!("unknown opcode {op:#04x}")));
            }
        }
        Ok(None)
    }

    // ---- the stack

    /// Counts values, or what takes as much memory, against the limit.
    pub fn count(&mut self, n: usize) -> Result<(), What> {
        self.values = self.values.saturating_add(n);
        if self.values > self.limits.values {
            return Err(What::Limit("values in a pickle", self.limits.values));
        }
        Ok(())
    }

    pub fn push(&mut self, item: Item) -> Result<(), What> {
        self.count(1)?;
        self.stack.push(item);
        Ok(())
    }

    pub fn push_node(&mut self, node: Node) -> Result<(), What> {
        let number = self.nodes.len() as u32;
        self.nodes.push(node);
        self.push(Item::Node(number))
    }

    /// Where the innermost open mark is: nothing below it may be taken.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Item, What> {
        match self.stack.last() {
            Some(&item) if self.stack.len() > self.floor() => Ok(item),
            _ => Err(What::Corrupt("nothing is on the stack".to_string())),
        }
    }

    pub fn pop(&mut self) -> Result<Item, What> {
        let item = self.top()?;
        self.stack.pop();
        Ok(item)
    }

    pub fn pop_mark(&mut self) -> Result<Vec<Item>, What> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(What::Corrupt("there is no mark on the stack".to_string())),
        }
    }

    pub fn type_of(&self, item: Item) -> &'static str {
        type_of(item, &self.nodes)
    }

    // ---- numbers and texts

    fn number(&mut self, op: u8) -> Result<(), What> {
        let item = match op {
            b'J' => Item::Int(i32::from_le_bytes(self.cursor.array()?).into()),
            b'K' => Item::Int(self.cursor.u8()?.into()),
            b'M' => Item::Int(u16::from_le_bytes(self.cursor.array()?).into()),
            b'G' => Item::Float(f64::from_be_bytes(self.cursor.array()?)),
            _ => {
                let len = match op {
                    0x8a => self.cursor.u8()?.into(),
                    _ => self.cursor.u32()?,
                };
                let bytes = self.cursor.take(len.into())?;
                return self.push_integer(bytes);
            }
        };
        self.push(item)
    }

    /// A signed little-endian number of any length.
    pub fn push_integer(&mut self, bytes: &[u8]) -> Result<(), What> {
        let Some(value) = integer(bytes) else {
            self.count(bytes.len() / TEXT_PER_VALUE)?;
            return self.push_node(Node::HugeInt(bytes.into()));
        };
        match i64::try_from(value) {
            Ok(small) => self.push(Item::Int(small)),
            Err(_) => self.push_node(Node::BigInt(Box::new(value))),
        }
    }

    fn text(&mut self, op: u8) -> Result<(), What> {
        let len = match op {
            0x8c | b'U' | b'C' => self.cursor.u8()?.into(),
            0x8d | 0x8e | 0x96 => u64::from_le_bytes(self.cursor.array()?),
            _ => self.cursor.u32()?.into(),
        };
        let item = match op {
            b'X' | 0x8c | 0x8d => Item::Text(self.cursor.text(len)?),
            b'B' | b'C' | 0x8e | 0x96 => Item::Bytes(self.cursor.span(len)?),
            _ => {
                let span = self.cursor.span(len)?;
                self.python2_text(span)
            }
        };
        self.push(item)
    }

    /// A `str` of Python 2: a name, most likely, and bytes if it cannot be one.
    pub fn python2_text(&self, span: Span) -> Item {
        match std::str::from_utf8(span.of(self.cursor.bytes)) {
            Ok(_) => Item::Text(span),
            Err(_) => Item::Bytes(span),
        }
    }

    pub fn text_of(&self, item: Item) -> Option<&str> {
        match item {
            Item::Text(span) => Some(span.text(self.cursor.bytes)),
            Item::Node(n) => match &self.nodes[n as usize] {
                Node::Text(text) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    // ---- containers

    fn container_of_mark(&mut self, op: u8) -> Result<(), What> {
        let items = self.pop_mark()?;
        let node = match op {
            b'l' => Node::List(items),
            b't' => Node::Tuple(items.into_boxed_slice()),
            b'd' => Node::Dict(Box::new(DictNode {
                items: pairs(&items)?,
                ..DictNode::default()
            })),
            _ => Node::Set(items),
        };
        self.push_node(node)
    }

    fn tuple(&mut self, n: usize) -> Result<(), What> {
        let Some(start) = self.stack.len().checked_sub(n) else {
            return Err(What::Corrupt("nothing is on the stack".to_string()));
        };
        if start < self.floor() {
            return Err(What::Corrupt("nothing is on the stack".to_string()));
        }
        let items = self.stack.split_off(start);
        self.push_node(Node::Tuple(items.into_boxed_slice()))
    }

    fn append(&mut self, op: u8) -> Result<(), What> {
        if op == b'a' {
            let item = self.pop()?;
            let target = self.top()?;
            if let Item::Node(n) = target {
                let list = match &mut self.nodes[n as usize] {
                    Node::List(list) => Some(list),
                    Node::Object(object) => Some(&mut object.items),
                    _ => None,
                };
                if let Some(list) = list {
                    if list.is_empty() {
                        list.reserve_exact(1); // many have one item only
                    }
                    list.push(item);
                    return Ok(());
                }
            }
            let what = format!("cannot append to {}", self.type_of(target));
            return Err(What::Corrupt(what));
        }
        let items = self.pop_mark()?;
        let target = self.top()?;
        if let Item::Node(n) = target {
            match (&mut self.nodes[n as usize], op) {
                (Node::List(list), b'e') => {
                    list.extend(items);
                    return Ok(());
                }
                (Node::Set(set), 0x90) => {
                    set.extend(items);
                    return Ok(());
                }
                (Node::Object(object), _) => {
                    object.items.extend(items);
                    return Ok(());
                }
                _ => {}
            }
        }
        let what = format!("cannot append to {}", self.type_of(target));
        Err(What::Corrupt(what))
    }

    fn set_items(&mut self, op: u8) -> Result<(), What> {
        let items = match op {
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_mark()?,
        };
        let target = self.top()?;
        let pairs = pairs(&items)?;
        if let Item::Node(n) = target {
            match &mut self.nodes[n as usize] {
                Node::Dict(dict) => {
                    dict.items.extend(pairs);
                    return Ok(());
                }
                Node::Object(object) => {
                    object.entries.extend(pairs);
                    return Ok(());
                }
                _ => {}
            }
        }
        let what = format!("cannot set items of {}", self.type_of(target));
        Err(What::Corrupt(what))
    }

    // ---- the memo

    fn put(&mut self, op: u8) -> Result<(), What> {
        let number = match op {
            b'q' => self.cursor.u8()?.into(),
            b'r' => self.cursor.u32()?,
            _ => self.memo.len() as u32,
        };
        self.remember(number)
    }

    pub fn remember(&mut self, number: u32) -> Result<(), What> {
        let item = self.top()?;
        self.count(1)?;
        self.memo.insert(number, item);
        Ok(())
    }

    fn get(&mut self, op: u8) -> Result<(), What> {
        let number = match op {
            b'h' => self.cursor.u8()?.into(),
            _ => self.cursor.u32()?,
        };
        self.recall(number)
    }

    pub fn recall(&mut self, number: u32) -> Result<(), What> {
        match self.memo.get(&number) {
            Some(&item) => self.push(item),
            None => Err(What::Corrupt(format!("there is no memo {number}"))),
        }
    }

    // ---- globals

    fn stack_global(&mut self) -> Result<(), What> {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Some(name), Some(module)) = (self.text_of(name), self.text_of(module)) else {
            let what = format!(
                "the name of a global is {} and {}",
                self.type_of(module),
                self.type_of(name)
            );
            return Err(What::Corrupt(what));
        };
        let (module, name) = (module.to_string(), name.to_string());
        let global = self.global(&module, &name)?;
        self.push(global)
    }

    /// The global whose module and name are the next two lines.
    pub fn named(&mut self) -> Result<Item, What> {
        let (module, name) = (self.cursor.line()?, self.cursor.line()?);
        self.global(module, name)
    }

    pub fn global(&mut self, module: &str, name: &str) -> Result<Item, What> {
        let module = modern(module);
        let full = format!("{module}.{name}");
        if let Some(&item) = self.by_name.get(&full) {
            return Ok(item);
        }
        let known = Known::find(module, name);
        if known == Known::Foreign && (!self.opaque || is_dangerous(&full)) {
            return Err(What::Refused(full));
        }
        let item = Item::Global(known, self.names.len() as u32);
        self.count(full.len() / TEXT_PER_VALUE)?;
        self.names.push(full.clone());
        self.by_name.insert(full, item);
        Ok(item)
    }
}

fn pairs(items: &[Item]) -> Result<Vec<(Item, Item)>, What> {
    let (pairs, rest) = items.as_chunks::<2>();
    match rest {
        [] => Ok(pairs.iter().map(|&[key, value]| (key, value)).collect()),
        _ => Err(What::Corrupt("a key without a value".to_string())),
    }
}

/// A signed little-endian number, if it has no more than 128 bits.
fn integer(bytes: &[u8]) -> Option<i128> {
    let fill = match bytes.last() {
        Some(last) if last & 0x80 != 0 => 0xff,
        _ => 0,
    };
    let used = bytes.iter().rposition(|&b| b != fill).map_or(0, |i| i + 1);
    let mut wide = [fill; 16];
    wide.get_mut(..used)?.copy_from_slice(&bytes[..used]);
    let value = i128::from_le_bytes(wide);
    ((value < 0) == (fill != 0)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_any_length_keep_their_value() {
        for (bytes, value) in [
            (&[][..], 0),
            (&[0xff], -1),
            (&[0xff, 0], 255),
            (&[0, 0x80], -32768),
            (
                &[0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19],
                0x1950a86a20f9469cfc6c,
            ),
            (
                &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                1,
            ),
        ] {
            assert_eq!(integer(bytes).unwrap(), value, "{bytes:?}");
        }
        let too_big = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0];
        assert!(integer(&too_big).is_none());
        assert!(integer(&[7; 17]).is_none());
    }
}
