//! Objects: what a pickle would call is noted, and nothing is called.

use super::fault::What;
use super::globals::Known;
use super::machine::Machine;
use super::node::{Item, Node, ObjectNode};
use super::rebuild::Made;

impl Machine<'_> {
    /// The opcodes that make an object of a class, or of a function's result.
    pub fn make(&mut self, op: u8) -> Result<(), What> {
        let (class, args, keywords) = match op {
            // INST names the class, OBJ has it after the mark; the arguments follow.
            b'i' => {
                let class = self.named()?;
                (class, self.pop_mark()?, Item::None)
            }
            b'o' => {
                let mut args = self.pop_mark()?;
                if args.is_empty() {
                    return Err(What::Corrupt("an object without a class".to_string()));
                }
                (args.remove(0), args, Item::None)
            }
            // NEWOBJ_EX has arguments by name, too.
            _ => {
                let keywords = match op {
                    0x92 => self.pop()?,
                    _ => Item::None,
                };
                let (args, class) = (self.pop()?, self.pop()?);
                let args = self.tuple_of("what a call is given", args)?.to_vec();
                (class, args, keywords)
            }
        };
        let made = self.made(class, &args, keywords)?;
        self.push_made(made)
    }

    fn made(&mut self, class: Item, args: &[Item], keywords: Item) -> Result<Made, What> {
        let keywords = match keywords {
            Item::Node(n) => match &self.nodes[n as usize] {
                Node::Dict(dict) if dict.items.is_empty() => Item::None,
                Node::Dict(_) => keywords,
                _ => return Err(self.wrong("what a call is given by name", keywords)),
            },
            Item::None => keywords,
            _ => return Err(self.wrong("what a call is given by name", keywords)),
        };
        match class {
            Item::Global(Known::Foreign, name) => {
                Ok(Made::Node(self.object(name, false, args, keywords)))
            }
            Item::Global(Known::NoEqual, name) => {
                Ok(Made::Node(self.object(name, true, args, keywords)))
            }
            Item::Global(known, name) => {
                if !matches!(keywords, Item::None) {
                    let what = format!("a call of {known:?} with arguments by name");
                    return Err(What::Corrupt(what));
                }
                self.call(known, name, args)
            }
            // What an unknown function would return is called.
            Item::Node(n) => match &self.nodes[n as usize] {
                Node::Object(object) => {
                    let name = object.class;
                    Ok(Made::Node(self.object(name, false, args, keywords)))
                }
                _ => Err(self.wrong("what is called", class)),
            },
            _ => Err(self.wrong("what is called", class)),
        }
    }

    /// An object of a class that is not known.
    pub fn object(&self, class: u32, no_equal: bool, args: &[Item], keywords: Item) -> Node {
        Node::Object(Box::new(ObjectNode {
            class,
            no_equal,
            arguments: args.into(),
            keywords,
            state: Item::None,
            items: Vec::new(),
            entries: Vec::new(),
        }))
    }

    /// `copyreg`'s functions, which have the class as their first argument.
    pub fn copyreg(&mut self, known: Known, args: &[Item]) -> Result<Made, What> {
        match (known, args) {
            (Known::Reconstructor, &[class, base, state]) => match base {
                Item::Global(Known::ObjectClass, _) => self.made(class, &[], Item::None),
                _ => self.reconstructed(class, state),
            },
            (Known::NewObject, &[class, ref args @ ..]) => self.made(class, args, Item::None),
            (Known::NewObjectEx, &[class, args, keywords]) => {
                let args = self.tuple_of("what a call is given", args)?.to_vec();
                self.made(class, &args, keywords)
            }
            _ => Err(What::Corrupt(format!(
                "a call of {known:?} with {} arguments",
                args.len()
            ))),
        }
    }

    /// An object of a class that is also a dict, a list, a number, ...
    fn reconstructed(&mut self, class: Item, content: Item) -> Result<Made, What> {
        let (items, entries) = match content {
            Item::Node(n) => match &self.nodes[n as usize] {
                Node::Dict(dict) => (Vec::new(), dict.items.clone()),
                Node::List(items) => (items.clone(), Vec::new()),
                _ => return self.made(class, &[content], Item::None),
            },
            _ => return self.made(class, &[content], Item::None),
        };
        self.count(items.len() + 2 * entries.len())?;
        let mut made = self.made(class, &[], Item::None)?;
        if let Made::Node(Node::Object(object)) = &mut made {
            (object.items, object.entries) = (items, entries);
        }
        Ok(made)
    }

    /// `BUILD` sets an object's attributes from its state.
    pub fn build(&mut self) -> Result<(), What> {
        let state = self.pop()?;
        let target = self.pop()?;
        let Item::Node(n) = target else {
            return Err(self.cannot_build(target));
        };
        match &mut self.nodes[n as usize] {
            Node::Object(object) => {
                if !matches!(object.state, Item::None) {
                    let what = "an object whose state is set twice";
                    return Err(What::Unsupported(what.to_string()));
                }
                object.state = state;
            }
            Node::ArrayType(_) => self.build_numpy_dtype(n, state)?,
            Node::Array(None) => self.build_numpy_array(n, state)?,
            // Of the containers only an ordered dict has attributes.
            Node::Dict(dict) if dict.ordered => {
                let attributes = match state {
                    Item::Node(s) => match &self.nodes[s as usize] {
                        Node::Dict(attributes) => attributes.items.clone(),
                        _ => return Err(self.wrong("the state of an object", state)),
                    },
                    _ => return Err(self.wrong("the state of an object", state)),
                };
                self.count(2 * attributes.len())?;
                if let Node::Dict(dict) = &mut self.nodes[n as usize] {
                    dict.attributes.extend(attributes);
                }
            }
            _ => return Err(self.cannot_build(target)),
        }
        self.push(target)
    }

    fn cannot_build(&self, target: Item) -> What {
        What::Corrupt(format!("cannot build {}", self.type_of(target)))
    }
}
