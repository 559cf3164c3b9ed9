//! What the globals stand for: `REDUCE`, `BUILD` and persistent ids make nodes.

use super::fault::What;
use super::globals::Known;
use super::machine::Machine;
use super::node::{DictNode, Item, Node, StorageRef, StorageView, TEXT_PER_VALUE, TensorNode};

impl Machine<'_> {
    fn wrong(&self, what: &str, item: Item) -> What {
        What::Corrupt(format!("{what} is {}", self.type_of(item)))
    }

    fn tuple_of(&self, what: &str, item: Item) -> Result<&[Item], What> {
        if let Item::Node(n) = item
            && let Node::Tuple(items) | Node::Size(items) = &self.nodes[n as usize]
        {
            return Ok(items);
        }
        Err(self.wrong(what, item))
    }

    /// A size, stride, offset or length.
    fn count_of(&self, what: &str, item: Item) -> Result<usize, What> {
        match item {
            Item::Int(value) => usize::try_from(value)
                .map_err(|_| What::Corrupt(format!("{value} in {what} is negative"))),
            _ => Err(self.wrong(what, item)),
        }
    }

    fn counts_of(&self, what: &str, item: Item) -> Result<Vec<usize>, What> {
        let items = self.tuple_of(what, item)?.iter();
        items.map(|&item| self.count_of(what, item)).collect()
    }

    fn flag_of(&self, what: &str, item: Item) -> Result<bool, What> {
        match item {
            Item::Bool(value) => Ok(value),
            // Old files have 0 and 1.
            Item::Int(value @ 0..=1) => Ok(value == 1),
            _ => Err(self.wrong(what, item)),
        }
    }

    /// A storage: `('storage', torch.FloatStorage, key, location, number of elements)`, and in the
    /// legacy format the part of it that is meant, or None.
    pub fn persistent(&mut self) -> Result<(), What> {
        let id = self.pop()?;
        let (class, key, numel, part) = match *self.tuple_of("a persistent id", id)? {
            [kind, class, key, _, numel] if self.text_of(kind) == Some("storage") => {
                (class, key, numel, Item::None)
            }
            [kind, class, key, _, numel, part] if self.text_of(kind) == Some("storage") => {
                (class, key, numel, part)
            }
            _ => {
                let what = "a persistent id that is no storage's";
                return Err(What::Corrupt(what.to_string()));
            }
        };
        let Item::Global(Known::Storage(dtype)) = class else {
            return Err(self.wrong("the class of a storage", class));
        };
        let key = match (self.text_of(key), key) {
            (Some(key), _) => key.to_string(),
            (None, Item::Int(key)) => key.to_string(),
            _ => return Err(self.wrong("the key of a storage", key)),
        };
        let len = self.count_of("the length of a storage", numel)?;
        let storage = match self.by_key.get(&key) {
            Some(&known) => {
                let before = &self.storages[known];
                if (before.dtype, before.len) != (dtype, len) {
                    let what = format!(
                        "storage '{key}' is {len} elements of {dtype} here, and {} of {} before",
                        before.len, before.dtype
                    );
                    return Err(What::Corrupt(what));
                }
                known
            }
            None => {
                self.by_key.insert(key.clone(), self.storages.len());
                self.storages.push(StorageRef { key, dtype, len });
                self.storages.len() - 1
            }
        };
        let mut view = StorageView {
            storage,
            offset: 0,
            len,
        };
        if !matches!(part, Item::None) {
            let (offset, part_len) = match *self.tuple_of("the part of a storage", part)? {
                [_, offset, len] => (offset, len),
                _ => return Err(self.wrong("the part of a storage", part)),
            };
            view.offset = self.count_of("the offset in a storage", offset)?;
            view.len = self.count_of("the length in a storage", part_len)?;
            let end = view.offset.checked_add(view.len);
            if end.is_none_or(|end| end > len) {
                let what = format!(
                    "a part of {} elements from {} reaches beyond a storage of {len}",
                    view.len, view.offset
                );
                return Err(What::Corrupt(what));
            }
        }
        self.push_node(Node::Storage(Box::new(view)))
    }

    pub fn reduce(&mut self) -> Result<(), What> {
        let (args, function) = (self.pop()?, self.pop()?);
        let Item::Global(known) = function else {
            return Err(self.wrong("what is called", function));
        };
        let args = self.tuple_of("what a call is given", args)?.to_vec();
        let node = self.call(known, &args)?;
        // The node may be a copy of something large that is in the pickle once.
        self.count(match &node {
            Node::List(items) | Node::Set(items) => items.len(),
            Node::Tuple(items) | Node::Size(items) => items.len(),
            Node::Dict(dict) => 2 * dict.items.len(),
            Node::Bytes(bytes) => bytes.len() / TEXT_PER_VALUE,
            Node::Device(name) => name.len() / TEXT_PER_VALUE,
            Node::Tensor(tensor) => tensor.shape.len(),
            Node::BigInt(_) | Node::Storage(_) | Node::Parameter(..) => 0,
        })?;
        self.push_node(node)
    }

    /// The node that a call of the global would make.
    fn call(&mut self, known: Known, args: &[Item]) -> Result<Node, What> {
        match (known, args) {
            (Known::OrderedDict, []) => Ok(dict(Vec::new(), true)),
            (Known::OrderedDict, &[pairs]) => Ok(dict(self.pairs_of(pairs)?, true)),
            (Known::Counter, []) => Ok(dict(Vec::new(), false)),
            (Known::Counter, &[Item::Node(n)]) => match &self.nodes[n as usize] {
                Node::Dict(counts) => Ok(dict(counts.items.clone(), false)),
                _ => Err(self.wrong("what a Counter is made of", args[0])),
            },
            (Known::Set, []) => Ok(Node::Set(Vec::new())),
            (Known::Set, &[items]) => Ok(Node::Set(self.items_of(items)?.to_vec())),
            (Known::Size, []) => Ok(Node::Size(Box::default())),
            (Known::Size, &[sizes]) => {
                self.counts_of("a torch.Size", sizes)?;
                Ok(Node::Size(self.tuple_of("a torch.Size", sizes)?.into()))
            }
            (Known::Device, _) => self.device(args),
            (Known::Encode, &[text, codec]) => self.encode(text, codec),
            (Known::ByteArray, []) => Ok(Node::Bytes(Box::default())),
            (Known::ByteArray, &[Item::Bytes(span)]) => {
                Ok(Node::Bytes(span.of(self.cursor.bytes).into()))
            }
            (Known::ByteArray, &[Item::Node(n)]) => match &self.nodes[n as usize] {
                Node::Bytes(bytes) => Ok(Node::Bytes(bytes.clone())),
                _ => Err(self.wrong("what a bytearray is made of", args[0])),
            },
            (Known::ByteArray, &[text, codec]) => self.encode(text, codec),
            (Known::RebuildTensor, &[storage, offset, size, stride]) => {
                self.tensor(storage, offset, size, stride, false)
            }
            (Known::RebuildTensorV2, &[storage, offset, size, stride, grad, _hooks]) => {
                let grad = self.flag_of("requires_grad", grad)?;
                self.tensor(storage, offset, size, stride, grad)
            }
            (Known::RebuildTensorV2, &[storage, offset, size, stride, grad, _hooks, metadata]) => {
                self.no_metadata(metadata)?;
                let grad = self.flag_of("requires_grad", grad)?;
                self.tensor(storage, offset, size, stride, grad)
            }
            (Known::RebuildParameter, &[tensor, grad, _hooks])
            | (Known::RebuildParameterWithState, &[tensor, grad, _hooks, _]) => {
                let grad = self.flag_of("requires_grad", grad)?;
                match tensor {
                    Item::Node(n) if matches!(self.nodes[n as usize], Node::Tensor(_)) => {
                        Ok(Node::Parameter(n, grad))
                    }
                    _ => Err(self.wrong("the data of a parameter", tensor)),
                }
            }
            (Known::RebuildFromType, &[function, class, args, _attributes]) => {
                self.rebuild_from_type(function, class, args)
            }
            _ => Err(What::Corrupt(format!(
                "a call of {known:?} with {} arguments",
                args.len()
            ))),
        }
    }

    /// A tensor that has attributes of its own, which are not kept.
    fn rebuild_from_type(&mut self, function: Item, class: Item, args: Item) -> Result<Node, What> {
        use Known::*;
        let Item::Global(TensorClass | ParameterClass) = class else {
            return Err(self.wrong("the class of a tensor", class));
        };
        let Item::Global(
            known
            @ (RebuildTensor | RebuildTensorV2 | RebuildParameter | RebuildParameterWithState),
        ) = function
        else {
            return Err(self.wrong("what makes a tensor", function));
        };
        let args = self.tuple_of("what a tensor is made of", args)?.to_vec();
        self.call(known, &args)
    }

    fn tensor(
        &mut self,
        storage: Item,
        offset: Item,
        size: Item,
        stride: Item,
        requires_grad: bool,
    ) -> Result<Node, What> {
        let view = match storage {
            Item::Node(n) => match &self.nodes[n as usize] {
                Node::Storage(view) => **view,
                _ => return Err(self.wrong("the storage of a tensor", storage)),
            },
            _ => return Err(self.wrong("the storage of a tensor", storage)),
        };
        let offset = self.count_of("the offset of a tensor", offset)?;
        let shape = self.counts_of("the shape of a tensor", size)?;
        let strides = self.counts_of("the strides of a tensor", stride)?;
        self.check_view(&shape, &strides, offset, view.len)?;
        let dtype = self.storages[view.storage].dtype;
        if requires_grad && !dtype.is_float() {
            let what = format!("a tensor of {dtype} that requires a gradient");
            return Err(What::Corrupt(what));
        }
        Ok(Node::Tensor(Box::new(TensorNode {
            storage: view.storage,
            offset: view.offset + offset,
            shape,
            strides,
            requires_grad,
        })))
    }

    /// Checks that a view stays within its storage.
    fn check_view(
        &self,
        shape: &[usize],
        strides: &[usize],
        offset: usize,
        len: usize,
    ) -> Result<(), What> {
        const MOST_DIMENSIONS: usize = 64; // as in PyTorch
        if shape.len() != strides.len() {
            let what = format!("{} sizes, but {} strides", shape.len(), strides.len());
            return Err(What::Corrupt(what));
        }
        if shape.len() > MOST_DIMENSIONS {
            return Err(What::Limit("dimensions of a tensor", MOST_DIMENSIONS));
        }
        let mut sizes = shape.iter().filter(|&&size| size > 0);
        let elements = sizes.try_fold(1usize, |n, &size| n.checked_mul(size));
        let elements =
            elements.filter(|n| n.checked_mul(8).is_some_and(|n| n <= isize::MAX as usize));
        let Some(elements) = elements else {
            let what = format!("a shape of more elements than can be counted: {shape:?}");
            return Err(What::Corrupt(what));
        };
        let mut end = Some(offset);
        if !shape.contains(&0) {
            for (&size, &stride) in shape.iter().zip(strides) {
                let reach = (size - 1).checked_mul(stride);
                end = end
                    .zip(reach)
                    .and_then(|(end, reach)| end.checked_add(reach));
            }
            end = end.and_then(|end| end.checked_add(1));
        }
        if end.is_none_or(|end| end > len) {
            let what = format!(
                "a tensor of shape {shape:?}, strides {strides:?} and offset {offset} reaches \
                 beyond its storage of {len} elements"
            );
            return Err(What::Corrupt(what));
        }
        let limit = self.limits.repeated_elements;
        if elements > len.max(limit) {
            return Err(What::Limit(
                "elements of a tensor that repeats its memory",
                limit,
            ));
        }
        Ok(())
    }

    /// Metadata says that values are to be negated or conjugated; it is empty otherwise.
    fn no_metadata(&self, metadata: Item) -> Result<(), What> {
        match metadata {
            Item::None => Ok(()),
            Item::Node(n) => match &self.nodes[n as usize] {
                Node::Dict(dict) if dict.items.is_empty() => Ok(()),
                _ => Err(What::Unsupported("a tensor with metadata".to_string())),
            },
            _ => Err(self.wrong("the metadata of a tensor", metadata)),
        }
    }

    fn device(&self, args: &[Item]) -> Result<Node, What> {
        let text = match *args {
            [kind] => self.text_of(kind).map(str::to_string),
            [kind, Item::Int(index)] => self.text_of(kind).map(|kind| format!("{kind}:{index}")),
            _ => None,
        };
        match text {
            Some(text) => Ok(Node::Device(text.into())),
            None => Err(What::Corrupt("a device without a name".to_string())),
        }
    }

    /// Bytes as protocol 2 writes them: as text in latin-1.
    fn encode(&self, text: Item, codec: Item) -> Result<Node, What> {
        let Some(text) = self.text_of(text) else {
            return Err(self.wrong("what is encoded", text));
        };
        let codec = self.text_of(codec).unwrap_or("?");
        if !matches!(codec, "latin1" | "latin-1") {
            return Err(What::Unsupported(format!(
                "bytes in the encoding '{codec}'"
            )));
        }
        let bytes: Option<Box<[u8]>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
        match bytes {
            Some(bytes) => Ok(Node::Bytes(bytes)),
            None => Err(What::Corrupt("bytes that are not latin-1".to_string())),
        }
    }

    fn items_of(&self, item: Item) -> Result<&[Item], What> {
        if let Item::Node(n) = item
            && let Node::List(items) | Node::Set(items) = &self.nodes[n as usize]
        {
            return Ok(items);
        }
        self.tuple_of("what a container is made of", item)
    }

    /// The pairs of a list of pairs.
    fn pairs_of(&self, item: Item) -> Result<Vec<(Item, Item)>, What> {
        let pairs = self.items_of(item)?.iter();
        let pairs = pairs.map(|&pair| match *self.items_of(pair)? {
            [key, value] => Ok((key, value)),
            _ => Err(self.wrong("an item of an OrderedDict", pair)),
        });
        pairs.collect()
    }

    /// `BUILD` fills a Python object's `__dict__`. Of what is known, only an ordered dict has one.
    pub fn build(&mut self) -> Result<(), What> {
        let state = self.pop()?;
        let target = self.pop()?;
        let attributes = match state {
            Item::Node(n) => match &self.nodes[n as usize] {
                Node::Dict(dict) => dict.items.clone(),
                _ => return Err(self.wrong("the state of an object", state)),
            },
            _ => return Err(self.wrong("the state of an object", state)),
        };
        self.count(2 * attributes.len())?;
        if let Item::Node(n) = target
            && let Node::Dict(dict) = &mut self.nodes[n as usize]
            && dict.ordered
        {
            dict.attributes.extend(attributes);
            return self.push(target);
        }
        Err(What::Corrupt(format!(
            "cannot build {}",
            self.type_of(target)
        )))
    }
}

fn dict(items: Vec<(Item, Item)>, ordered: bool) -> Node {
    Node::Dict(Box::new(DictNode {
        items,
        ordered,
        attributes: Vec::new(),
    }))
}
