//! Finding what one wants in a [`Value`].

use pleach_core::Tensor;

use crate::{Dict, Error, Opaque, Result, UnsignedTensor, Value};

/// What [`Value::get`] looks for: the text or whole number that is a dict's key, or the position
/// in a list or tuple.
pub trait Key {
    #[doc(hidden)]
    fn text(&self) -> Option<&str>;
    #[doc(hidden)]
    fn number(&self) -> Option<i128>;
}

impl Key for &str {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
    fn number(&self) -> Option<i128> {
        None
    }
}

impl Key for &String {
    fn text(&self) -> Option<&str> {
        Some(self)
    }
    fn number(&self) -> Option<i128> {
        None
    }
}

impl Key for usize {
    fn text(&self) -> Option<&str> {
        None
    }
    fn number(&self) -> Option<i128> {
        Some(*self as i128)
    }
}

impl Key for i32 {
    fn text(&self) -> Option<&str> {
        None
    }
    fn number(&self) -> Option<i128> {
        Some((*self).into())
    }
}

impl Value {
    /// An entry of a dict by its text or number, or an item of a list or tuple by its position. Of
    /// an [`Opaque`] object: an attribute, an entry, or an item by its position.
    ///
    /// # Errors
    /// If there is none; the text lists what there is.
    ///
    /// ```
    /// use pleach::checkpoint::{Dict, Value};
    /// let groups = vec![Dict::new().with("lr", 0.1)];
    /// let checkpoint = Value::from(Dict::new().with("epoch", 3).with("groups", groups));
    /// assert_eq!(checkpoint.get("epoch")?.as_int()?, 3);
    /// assert_eq!(checkpoint.get("groups")?.get(0)?.get("lr")?.as_float()?, 0.1);
    /// assert_eq!(checkpoint.at("groups/0/lr")?.as_float()?, 0.1);
    /// let error = checkpoint.get("model").unwrap_err();
    /// assert_eq!(error.to_string(), "there is no entry 'model'; there are: 'epoch', 'groups'");
    /// let error = checkpoint.at("groups/1/lr").unwrap_err();
    /// assert_eq!(error.to_string(), "groups: there is no item 1: the list has 1");
    /// # Ok::<(), pleach::checkpoint::Error>(())
    /// ```
    pub fn get(&self, key: impl Key) -> Result<&Value> {
        self.find(key.text(), key.number()).map_err(Error::Access)
    }

    /// [`Value::get`] several times, with the keys joined by `/`; a key that is a number may be
    /// a position or a dict's key.
    ///
    /// # Errors
    /// If there is no such entry; the text says how far the path leads.
    pub fn at(&self, path: &str) -> Result<&Value> {
        let mut here = self;
        let mut walked = String::new();
        for key in path.split('/').filter(|key| !key.is_empty()) {
            let text = match here {
                Value::Dict(_) | Value::Opaque(_) => Some(key),
                _ => None,
            };
            here = here.find(text, key.parse().ok()).map_err(|what| {
                Error::Access(match walked.is_empty() {
                    true => what,
                    false => format!("{walked}: {what}"),
                })
            })?;
            if !walked.is_empty() {
                walked.push('/');
            }
            walked.push_str(key);
        }
        Ok(here)
    }

    /// Looks for a text, then for a number.
    fn find(&self, text: Option<&str>, number: Option<i128>) -> Result<&Value, String> {
        let shown = match (text, number) {
            (Some(text), _) => format!("'{text}'"),
            (None, Some(number)) => number.to_string(),
            (None, None) => "of that name".to_string(),
        };
        match self {
            Value::Dict(dict) => {
                let by_text = text.and_then(|text| dict.get(text));
                let found = by_text.or_else(|| number.and_then(|n| dict.get_int(n)));
                found.ok_or_else(|| format!("there is no entry {shown}; {}", entries_of(dict)))
            }
            Value::List(items) | Value::Tuple(items) => {
                let position = number.and_then(|n| usize::try_from(n).ok());
                let found = position.and_then(|position| items.get(position));
                found.ok_or_else(|| {
                    let what = &self.type_name()[2..];
                    format!("there is no item {shown}: the {what} has {}", items.len())
                })
            }
            Value::Opaque(opaque) => {
                let by_text = text.and_then(|text| {
                    let entry = || opaque.entries().get(text);
                    opaque.attribute(text).or_else(entry)
                });
                let position = number.and_then(|n| usize::try_from(n).ok());
                let by_number = || {
                    let entry = number.and_then(|n| opaque.entries().get_int(n));
                    entry.or_else(|| opaque.items().get(position?))
                };
                let found = by_text.or_else(by_number);
                found.ok_or_else(|| {
                    let class = opaque.class();
                    format!("there is no attribute or entry {shown} in the object of {class}")
                })
            }
            _ => Err(format!("there is no entry {shown} in {}", self.type_name())),
        }
    }

    fn wanted(&self, what: &str) -> Error {
        let of = match self {
            Value::Opaque(opaque) => format!(" ({})", opaque.class()),
            Value::Unsigned(tensor) => format!(" (torch.{}, see as_unsigned)", tensor.dtype()),
            _ => String::new(),
        };
        Error::Access(format!("expected {what}, got {}{of}", self.type_name()))
    }

    /// The whole number.
    ///
    /// # Errors
    /// If it is none, or needs more than 64 bits.
    pub fn as_int(&self) -> Result<i64> {
        match self {
            Value::Int(value) => i64::try_from(*value)
                .map_err(|_| Error::Access(format!("{value} needs more than 64 bits"))),
            Value::BigInt(value) => Err(Error::Access(format!("{value} needs more than 64 bits"))),
            _ => Err(self.wanted("an int")),
        }
    }

    /// The whole number as a size or count.
    ///
    /// # Errors
    /// If it is none, or negative.
    pub fn as_usize(&self) -> Result<usize> {
        match self {
            Value::Int(value) => usize::try_from(*value)
                .map_err(|_| Error::Access(format!("expected a count, got {value}"))),
            _ => Err(self.wanted("an int")),
        }
    }

    /// The number: a float, an int or a tensor of one element.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn as_float(&self) -> Result<f64> {
        match self {
            Value::Float(value) => Ok(*value),
            Value::Int(value) => Ok(*value as f64),
            Value::Tensor(tensor) if tensor.numel() == 1 => Ok(tensor.item()?),
            Value::Unsigned(tensor) => match tensor.to_vec()?[..] {
                [value] => Ok(value as f64),
                _ => Err(self.wanted("a number")),
            },
            _ => Err(self.wanted("a number")),
        }
    }

    /// The truth value.
    ///
    /// # Errors
    /// If it is none.
    pub fn as_bool(&self) -> Result<bool> {
        match self {
            Value::Bool(value) => Ok(*value),
            _ => Err(self.wanted("a bool")),
        }
    }

    /// The text.
    ///
    /// # Errors
    /// If it is none.
    pub fn as_str(&self) -> Result<&str> {
        match self {
            Value::Str(value) => Ok(value),
            _ => Err(self.wanted("a text")),
        }
    }

    /// The tensor, also of a parameter.
    ///
    /// # Errors
    /// If it is none.
    pub fn as_tensor(&self) -> Result<&Tensor> {
        match self {
            Value::Tensor(tensor) | Value::Parameter { data: tensor, .. } => Ok(tensor),
            _ => Err(self.wanted("a tensor")),
        }
    }

    /// The tensor of unsigned integers of 16 to 64 bits.
    ///
    /// # Errors
    /// If it is none.
    pub fn as_unsigned(&self) -> Result<&UnsignedTensor> {
        match self {
            Value::Unsigned(tensor) => Ok(tensor),
            _ => Err(self.wanted("a tensor of unsigned integers")),
        }
    }

    /// The object of a class that is not known.
    ///
    /// # Errors
    /// If it is none.
    pub fn as_opaque(&self) -> Result<&Opaque> {
        match self {
            Value::Opaque(opaque) => Ok(opaque),
            _ => Err(self.wanted("an object")),
        }
    }

    /// The dict.
    ///
    /// # Errors
    /// If it is none.
    pub fn as_dict(&self) -> Result<&Dict> {
        match self {
            Value::Dict(dict) => Ok(dict),
            _ => Err(self.wanted("a dict")),
        }
    }

    /// The items of a list, tuple or set.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn as_items(&self) -> Result<&[Value]> {
        match self {
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => Ok(items),
            _ => Err(self.wanted("a list")),
        }
    }

    /// Whether it is Python's None.
    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }
}

/// The keys of a dict, for an error: the first few.
pub(crate) fn entries_of(dict: &Dict) -> String {
    const SHOWN: usize = 8;
    let keys: Vec<String> = dict
        .iter()
        .take(SHOWN)
        .map(|(k, _)| format!("{k:?}"))
        .collect();
    match dict.len() {
        0 => "the dict is empty".to_string(),
        n if n > SHOWN => format!("there are {n}: {}, …", keys.join(", ")),
        _ => format!("there are: {}", keys.join(", ")),
    }
}
