//! How large the tree is that nodes become, before it is made.

use std::collections::HashSet;

use super::machine::Pickled;
use super::node::{Item, Node, TEXT_PER_VALUE};
use crate::{Error, Limits, Result};

/// References from a node to one that it is a part of: those of objects, which must be left out.
pub(super) type Cuts = HashSet<(u32, u32)>;

/// Refuses a tree that is too deep or too large, before it is made: what is shared in the pickle
/// is there several times in the tree, and what is in itself without end (unless `opaque` says
/// that such references are left out).
pub(super) fn measure(
    pickled: &Pickled,
    label: &str,
    limits: &Limits,
    opaque: bool,
) -> Result<Cuts> {
    /// What the stack of a thread surely has room for.
    const MOST_DEPTH: usize = 500;
    /// A little sharing is common, such as of one tuple by all groups of an optimizer.
    const SHARED: usize = 100_000;
    let mut measure = Measure {
        pickled,
        marks: vec![Mark::New; pickled.nodes.len()],
        opaque,
        cuts: Cuts::new(),
    };
    let depth = limits.depth.min(MOST_DEPTH);
    let size = measure.size_of(pickled.root, depth);
    let size = size.ok_or_else(|| Error::limit(label, "containers within containers", depth))?;
    let texts = pickled.len / TEXT_PER_VALUE;
    let most = (pickled.values + texts).saturating_mul(4);
    let most = most
        .saturating_add(SHARED)
        .min(limits.values.saturating_add(texts));
    match size.values <= most {
        true => Ok(measure.cuts),
        false => Err(Error::limit(
            label,
            "values in a pickle, those that are shared counted each time",
            most,
        )),
    }
}

/// How large the tree below a value is.
#[derive(Clone, Copy)]
struct Size {
    values: usize,
    depth: usize,
}

#[derive(Clone, Copy)]
enum Mark {
    New,
    /// It is being measured.
    Open,
    Done(Size),
}

struct Measure<'a> {
    pickled: &'a Pickled<'a>,
    marks: Vec<Mark>,
    opaque: bool,
    cuts: Cuts,
}

impl Measure<'_> {
    /// `None` if it is deeper than `most`.
    fn size_of(&mut self, item: Item, most: usize) -> Option<Size> {
        let mut size = Size {
            values: 1,
            depth: 0,
        };
        let n = match item {
            Item::Text(span) | Item::Bytes(span) => {
                size.values += span.len as usize / TEXT_PER_VALUE;
                return Some(size);
            }
            Item::Node(n) => n,
            _ => return Some(size),
        };
        let pickled = self.pickled;
        let node = &pickled.nodes[n as usize];
        if let Mark::Done(known) = self.marks[n as usize] {
            if known.depth > most {
                return None;
            }
            // An object is made once; more of it are handles.
            return Some(match node {
                Node::Object(_) => Size {
                    values: 1,
                    depth: known.depth,
                },
                _ => known,
            });
        }
        self.marks[n as usize] = Mark::Open;
        let inner = |this: &mut Self, item: Item, size: &mut Size| -> Option<()> {
            if let Item::Node(child) = item
                && this.opaque
                && matches!(this.marks[child as usize], Mark::Open)
            {
                this.cuts.insert((n, child));
                size.values += 1;
                return Some(());
            }
            let below = this.size_of(item, most.checked_sub(1)?)?;
            size.values = size.values.saturating_add(below.values);
            size.depth = size.depth.max(below.depth + 1);
            Some(())
        };
        match node {
            Node::List(items) | Node::Set(items) => {
                items.iter().try_for_each(|&i| inner(self, i, &mut size))?
            }
            Node::Tuple(items) | Node::Size(items) => {
                items.iter().try_for_each(|&i| inner(self, i, &mut size))?
            }
            Node::Dict(dict) => {
                for &(key, value) in dict.items.iter().chain(&dict.attributes) {
                    inner(self, key, &mut size)?;
                    inner(self, value, &mut size)?;
                }
            }
            Node::Object(object) => {
                let own = [object.keywords, object.state];
                let items = object.arguments.iter().chain(&own).chain(&object.items);
                for &item in items {
                    inner(self, item, &mut size)?;
                }
                for &(key, value) in &object.entries {
                    inner(self, key, &mut size)?;
                    inner(self, value, &mut size)?;
                }
                let class = &pickled.names[object.class as usize];
                size.values += class.len() / TEXT_PER_VALUE;
            }
            Node::Array(Some(array)) if array.kind.element().is_none() => {
                inner(self, array.data, &mut size)?;
            }
            Node::Bytes(bytes) => size.values += bytes.len() / TEXT_PER_VALUE,
            Node::HugeInt(bytes) => size.values += bytes.len() / TEXT_PER_VALUE,
            Node::Device(text) | Node::Text(text) => size.values += text.len() / TEXT_PER_VALUE,
            // Made once, however often it is shared; its handle is a value.
            Node::Tensor(_) | Node::Parameter(..) | Node::Storage(_) | Node::BigInt(_) => {}
            Node::ArrayType(_) | Node::Array(_) => {}
        }
        self.marks[n as usize] = Mark::Done(size);
        Some(size)
    }
}
