//! What the globals stand for: `REDUCE`, `BUILD` and persistent ids make nodes.

use super::cursor::Span;
use super::fault::What;
use super::globals::Known;
use super::machine::Machine;
use super::node::{DictNode, Item, Node, StorageRef, StorageView, TEXT_PER_VALUE, TensorNode};
use crate::element::Element;

/// What a call made: a new node, or something that is there.
pub(crate) enum Made {
    Node(Node),
    Item(Item),
}

impl Machine<'_> {
    pub fn wrong(&self, what: &str, item: Item) -> What {
        What::Corrupt(format!("{what} is {}", self.type_of(item)))
    }

    pub fn tuple_of(&self, what: &str, item: Item) -> Result<&[Item], What> {
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

    pub fn counts_of(&self, what: &str, item: Item) -> Result<Vec<usize>, What> {
        let items = self.tuple_of(what, item)?.iter();
        items.map(|&item| self.count_of(what, item)).collect()
    }

    pub fn flag_of(&self, what: &str, item: Item) -> Result<bool, What> {
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
            // The class of a module, with its source, in the legacy format.
            [kind, class, _, _] if self.text_of(kind) == Some("module") => {
                return self.push(class);
            }
            _ => {
                let what = "a persistent id that is no storage's";
                return Err(What::Corrupt(what.to_string()));
            }
        };
        let key = match (self.text_of(key), key) {
            (Some(key), _) => key.to_string(),
            (None, Item::Int(key)) => key.to_string(),
            _ => return Err(self.wrong("the key of a storage", key)),
        };
        let len = self.count_of("the length of a storage", numel)?;
        let storage = self.storage(class, key, len)?;
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

    /// A persistent id as protocol 0 writes it: as Python would print it.
    pub fn persistent_line(&mut self, span: Span) -> Result<(), What> {
        let line = std::str::from_utf8(span.of(self.cursor.bytes)).unwrap_or_default();
        let parts = line.strip_prefix("('storage', <class '");
        let parts = parts.and_then(|rest| rest.strip_suffix(")"));
        let parts = parts.and_then(|rest| {
            let (class, rest) = rest.split_once("'>, '")?;
            let (module, class) = class.rsplit_once('.')?;
            let (key, rest) = rest.split_once("', '")?;
            let (_, len) = rest.split_once("', ")?;
            let len = len.strip_suffix(", None").unwrap_or(len).parse().ok()?;
            Some((module.to_string(), class.to_string(), key.to_string(), len))
        });
        let Some((module, class, key, len)) = parts else {
            let what = "a persistent id that is no storage's";
            return Err(What::Corrupt(what.to_string()));
        };
        let class = self.global(&module, &class)?;
        let storage = self.storage(class, key, len)?;
        let view = StorageView {
            storage,
            offset: 0,
            len,
        };
        self.push_node(Node::Storage(Box::new(view)))
    }

    /// The number of a storage, which may be a known one.
    fn storage(&mut self, class: Item, key: String, len: usize) -> Result<usize, What> {
        let element = match class {
            Item::Global(Known::Storage(element), _) => Some(element),
            Item::Global(Known::UntypedStorage, _) => None,
            _ => return Err(self.wrong("the class of a storage", class)),
        };
        let new = StorageRef {
            key: key.clone(),
            element,
            untyped: element.is_none(),
            len,
        };
        let Some(&known) = self.by_key.get(&key) else {
            self.by_key.insert(key, self.storages.len());
            self.storages.push(new);
            return Ok(self.storages.len() - 1);
        };
        let before = &self.storages[known];
        let same = before.len == new.len
            && before.untyped == new.untyped
            && (new.untyped || before.element == new.element);
        match same {
            true => Ok(known),
            false => {
                let what = format!(
                    "storage '{key}' is {} here, and {} before",
                    described(&new),
                    described(before)
                );
                Err(What::Corrupt(what))
            }
        }
    }

    pub fn push_made(&mut self, made: Made) -> Result<(), What> {
        let node = match made {
            Made::Item(item) => return self.push(item),
            Made::Node(node) => node,
        };
        // The node may be a copy of something large that is in the pickle once.
        self.count(match &node {
            Node::List(items) | Node::Set(items) => items.len(),
            Node::Tuple(items) | Node::Size(items) => items.len(),
            Node::Dict(dict) => 2 * dict.items.len(),
            Node::Bytes(bytes) => bytes.len() / TEXT_PER_VALUE,
            Node::Device(name) => name.len() / TEXT_PER_VALUE,
            Node::Tensor(tensor) => tensor.shape.len(),
            Node::Object(object) => object.arguments.len(),
            Node::Array(Some(array)) => array.shape.len(),
            Node::ArrayType(kind) => kind.code.len() / TEXT_PER_VALUE,
            // Counted where they are made, or of one size.
            Node::Text(_) | Node::HugeInt(_) | Node::Array(None) => 0,
            Node::BigInt(_) | Node::Storage(_) | Node::Parameter(..) => 0,
        })?;
        self.push_node(node)
    }

    /// What a call of the global would make.
    pub fn call(&mut self, known: Known, name: u32, args: &[Item]) -> Result<Made, What> {
        match (known, args) {
            // The list itself, and the container whose type is told.
            (Known::BuildList, &[list]) => Ok(Made::Item(list)),
            (Known::RestoreTypeTag, &[value, _]) => Ok(Made::Item(value)),
            (Known::Reconstructor | Known::NewObject | Known::NewObjectEx, _) => {
                self.copyreg(known, args)
            }
            (
                Known::NumpyReconstruct
                | Known::NumpyFromBuffer
                | Known::NumpyScalar
                | Known::NumpyDType,
                _,
            ) => self.numpy_call(known, args),
            (Known::ObjectClass | Known::TensorClass | Known::ParameterClass, _)
            | (Known::NumpyArrayClass, _)
                if self.opaque =>
            {
                Ok(Made::Node(self.object(name, false, args, Item::None)))
            }
            _ => Ok(Made::Node(self.node_of_call(known, args)?)),
        }
    }

    /// The node that a call of the global would make.
    fn node_of_call(&mut self, known: Known, args: &[Item]) -> Result<Node, What> {
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
            (Known::ByteArray | Known::Bytes, []) => Ok(Node::Bytes(Box::default())),
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
            (Known::RebuildTensorV3, &[storage, offset, size, stride, grad, _hooks, dtype]) => {
                let grad = self.flag_of("requires_grad", grad)?;
                self.set_element(storage, dtype)?;
                self.tensor(storage, offset, size, stride, grad)
            }
            (
                Known::RebuildTensorV3,
                &[storage, offset, size, stride, grad, _hooks, dtype, metadata],
            ) => {
                self.no_metadata(metadata)?;
                let grad = self.flag_of("requires_grad", grad)?;
                self.set_element(storage, dtype)?;
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

    /// A tensor that has attributes of its own, which are not kept, or a class of its own.
    fn rebuild_from_type(&mut self, function: Item, class: Item, args: Item) -> Result<Node, What> {
        use Known::*;
        let Item::Global(TensorClass | ParameterClass | Foreign, _) = class else {
            return Err(self.wrong("the class of a tensor", class));
        };
        let Item::Global(
            known @ (RebuildTensor
            | RebuildTensorV2
            | RebuildTensorV3
            | RebuildParameter
            | RebuildParameterWithState),
            _,
        ) = function
        else {
            return Err(self.wrong("what makes a tensor", function));
        };
        let args = self.tuple_of("what a tensor is made of", args)?.to_vec();
        self.node_of_call(known, &args)
    }

    /// Says what a storage without a type holds.
    fn set_element(&mut self, storage: Item, dtype: Item) -> Result<(), What> {
        let Item::Global(Known::DType(name), _) = dtype else {
            return Err(self.wrong("the dtype of a tensor", dtype));
        };
        let element = Element::named(name)
            .ok_or_else(|| What::Unsupported(format!("a tensor of torch.{name}")))?;
        let number = self.storage_of(storage)?.storage;
        let storage = &mut self.storages[number];
        match storage.element {
            Some(known) if known != element => Err(What::Unsupported(format!(
                "storage '{}' holds {element} here, and {known} before",
                storage.key
            ))),
            _ => {
                storage.element = Some(element);
                Ok(())
            }
        }
    }

    fn storage_of(&self, item: Item) -> Result<StorageView, What> {
        match item {
            Item::Node(n) => match &self.nodes[n as usize] {
                Node::Storage(view) => Ok(**view),
                _ => Err(self.wrong("the storage of a tensor", item)),
            },
            _ => Err(self.wrong("the storage of a tensor", item)),
        }
    }

    fn tensor(
        &mut self,
        storage: Item,
        offset: Item,
        size: Item,
        stride: Item,
        requires_grad: bool,
    ) -> Result<Node, What> {
        let mut view = self.storage_of(storage)?;
        let offset = self.count_of("the offset of a tensor", offset)?;
        let shape = self.counts_of("the shape of a tensor", size)?;
        let strides = self.counts_of("the strides of a tensor", stride)?;
        let storage = &self.storages[view.storage];
        let Some(element) = storage.element else {
            let what = format!("a tensor over storage '{}', which has no type", storage.key);
            return Err(What::Corrupt(what));
        };
        if storage.untyped {
            (view.offset, view.len) = match view.offset % element.size_of() {
                0 => (
                    view.offset / element.size_of(),
                    view.len / element.size_of(),
                ),
                _ => return Err(What::Corrupt("a tensor at half an element".to_string())),
            };
        }
        self.check_view(&shape, &strides, offset, view.len)?;
        if requires_grad && !element.is_float() {
            let what = format!("a tensor of {element} that requires a gradient");
            return Err(What::Corrupt(what));
        }
        Ok(Node::Tensor(Box::new(TensorNode {
            storage: view.storage,
            element,
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
}

fn described(storage: &StorageRef) -> String {
    match storage.element {
        Some(element) if !storage.untyped => format!("{} elements of {element}", storage.len),
        _ => format!("{} bytes", storage.len),
    }
}

fn dict(items: Vec<(Item, Item)>, ordered: bool) -> Node {
    Node::Dict(Box::new(DictNode {
        items,
        ordered,
        attributes: Vec::new(),
    }))
}
