//! [`Header`]: the start of an `.npy` file, a Python dict as text.

use pleach_core::DType;

use crate::element::Element;
use crate::{Error, Result};

const MAGIC: &[u8] = b"\x93NUMPY";

#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub element: Element,
    pub big_endian: bool,
    /// Whether the first index runs fastest.
    pub fortran_order: bool,
    pub shape: Vec<usize>,
    /// Bytes up to the data.
    pub len: usize,
}

/// NumPy's codes, without the byte order.
const CODES: [(&str, Element); 12] = [
    ("f4", Element::Own(DType::F32)),
    ("f8", Element::Own(DType::F64)),
    ("f2", Element::Own(DType::F16)),
    ("i8", Element::Own(DType::I64)),
    ("i4", Element::Own(DType::I32)),
    ("i2", Element::Own(DType::I16)),
    ("i1", Element::Own(DType::I8)),
    ("u1", Element::Own(DType::U8)),
    ("u2", Element::U16),
    ("u4", Element::U32),
    ("u8", Element::U64),
    ("b1", Element::Own(DType::Bool)),
];

/// The elements that NumPy's code stands for, without the byte order.
pub(crate) fn element_of_code(code: &str) -> Option<Element> {
    let mut codes = CODES.iter();
    codes
        .find(|(known, _)| *known == code)
        .map(|(_, element)| *element)
}

impl Header {
    /// Reads the header that a file starts with.
    pub fn read(start: &[u8], place: &str) -> Result<Header> {
        let short = || Error::corrupt(place, "the file ends within the array's header");
        let rest = start
            .strip_prefix(MAGIC)
            .ok_or_else(|| Error::corrupt(place, "it does not start as an array does"))?;
        let (&[major, _], rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (len, rest) = match major {
            1 => {
                let (len, rest) = rest.split_first_chunk().ok_or_else(short)?;
                (u16::from_le_bytes(*len) as usize, rest)
            }
            2 | 3 => {
                let (len, rest) = rest.split_first_chunk().ok_or_else(short)?;
                (u32::from_le_bytes(*len) as usize, rest)
            }
            _ => {
                let what = format!("version {major} of the array format is not known");
                return Err(Error::unsupported(place, what));
            }
        };
        let text = rest.get(..len).ok_or_else(short)?;
        let mut header = Parser { text, at: 0 }.header().map_err(|what| match what {
            Problem::Corrupt(what) => Error::corrupt(place, format!("its header {what}")),
            Problem::Unsupported(what) => Error::unsupported(place, what),
        })?;
        header.len = start.len() - rest.len() + len;
        Ok(header)
    }

    /// The header as the start of a file, padded so that the data begins at a multiple of 64.
    pub fn write(&self) -> Result<Vec<u8>> {
        let Some((code, _)) = CODES.iter().find(|(_, element)| *element == self.element) else {
            return Err(Error::Unwritable(format!(
                "NumPy has no type for {}: convert it to torch.float32 first",
                self.element
            )));
        };
        let order = if self.element.size_of() == 1 {
            '|'
        } else {
            '<'
        };
        let sizes: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        let comma = if sizes.len() == 1 { "," } else { "" };
        let mut text = format!(
            "{{'descr': '{order}{code}', 'fortran_order': False, 'shape': ({}{comma}), }}",
            sizes.join(", ")
        );
        let before = MAGIC.len() + 4;
        let padding = (before + text.len() + 1).next_multiple_of(64) - (before + text.len() + 1);
        text.extend(std::iter::repeat_n(' ', padding));
        text.push('\n');
        let len = u16::try_from(text.len())
            .map_err(|_| Error::Unwritable("too many dimensions for an array".to_string()))?;
        let mut out = MAGIC.to_vec();
        out.extend([1, 0]);
        out.extend(len.to_le_bytes());
        out.extend(text.as_bytes());
        Ok(out)
    }
}

enum Problem {
    Corrupt(String),
    Unsupported(String),
}

/// A reader of the few Python literals that a header is made of.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn header(&mut self) -> Result<Header, Problem> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while !self.accept(b'}') {
            let key = self.string()?;
            self.expect(b':')?;
            match key.as_str() {
                "descr" => descr = Some(self.descr()?),
                "fortran_order" => fortran = Some(self.truth()?),
                "shape" => shape = Some(self.shape()?),
                _ => return Err(Problem::Corrupt(format!("has the unknown key '{key}'"))),
            }
            if !self.accept(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        self.spaces();
        if self.at != self.text.len() {
            return Err(Problem::Corrupt("goes on after the dict".to_string()));
        }
        match (descr, fortran, shape) {
            (Some((element, big_endian)), Some(fortran_order), Some(shape)) => Ok(Header {
                element,
                big_endian,
                fortran_order,
                shape,
                len: 0,
            }),
            _ => Err(Problem::Corrupt(
                "lacks one of 'descr', 'fortran_order' and 'shape'".to_string(),
            )),
        }
    }

    fn spaces(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.spaces();
        let found = self.text.get(self.at) == Some(&byte);
        self.at += found as usize;
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Problem> {
        match self.accept(byte) {
            true => Ok(()),
            false => {
                let what = format!("lacks a '{}' at byte {}", byte as char, self.at);
                Err(Problem::Corrupt(what))
            }
        }
    }

    fn string(&mut self) -> Result<String, Problem> {
        self.spaces();
        let quote = match self.text.get(self.at) {
            Some(&quote @ (b'\'' | b'"')) => quote,
            _ => {
                let what = format!("lacks a text at byte {}", self.at);
                return Err(Problem::Corrupt(what));
            }
        };
        let rest = &self.text[self.at + 1..];
        let Some(len) = rest.iter().position(|&b| b == quote) else {
            return Err(Problem::Corrupt("has a text without an end".to_string()));
        };
        self.at += len + 2;
        Ok(String::from_utf8_lossy(&rest[..len]).into_owned())
    }

    /// The type, and whether it is big-endian.
    fn descr(&mut self) -> Result<(Element, bool), Problem> {
        if self.accept(b'[') {
            let what = "an array of records has no equal here";
            return Err(Problem::Unsupported(what.to_string()));
        }
        let descr = self.string()?;
        let (order, code) = match descr.as_bytes() {
            [b'<' | b'|' | b'>' | b'=', ..] => descr.split_at(1),
            _ => ("", descr.as_str()),
        };
        let big_endian = match order {
            ">" => true,
            "=" => cfg!(target_endian = "big"),
            _ => false,
        };
        match element_of_code(code) {
            Some(element) => Ok((element, big_endian)),
            None if code.starts_with('O') => Err(Problem::Unsupported(
                "an array of Python objects is a pickle, which is not run".to_string(),
            )),
            None => {
                let what = format!("an array of type '{descr}' has no equal here");
                Err(Problem::Unsupported(what))
            }
        }
    }

    fn truth(&mut self) -> Result<bool, Problem> {
        self.spaces();
        for (text, value) in [(&b"True"[..], true), (b"False", false)] {
            if self.text[self.at..].starts_with(text) {
                self.at += text.len();
                return Ok(value);
            }
        }
        let what = format!("lacks True or False at byte {}", self.at);
        Err(Problem::Corrupt(what))
    }

    fn shape(&mut self) -> Result<Vec<usize>, Problem> {
        self.expect(b'(')?;
        let mut sizes = Vec::new();
        while !self.accept(b')') {
            sizes.push(self.size()?);
            if !self.accept(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(sizes)
    }

    fn size(&mut self) -> Result<usize, Problem> {
        self.spaces();
        let rest = &self.text[self.at..];
        let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += len;
        // Python 2 wrote long numbers with an L.
        self.at += (self.text.get(self.at) == Some(&b'L')) as usize;
        let digits = String::from_utf8_lossy(&rest[..len]);
        digits.parse().map_err(|_| {
            let what = format!("has no size at byte {}", self.at - len);
            Problem::Corrupt(what)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Header> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        Header::read(&bytes, "x")
    }

    #[test]
    fn headers_are_read_as_numpy_writes_them() {
        let header = read("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n");
        let header = header.unwrap();
        assert_eq!(
            (header.element, header.shape),
            (DType::F32.into(), vec![3, 4])
        );
        assert!(!header.big_endian && !header.fortran_order);
        let header = read("{'shape':(5L,),'fortran_order':True,\"descr\":\">i2\"}").unwrap();
        assert_eq!((header.element, header.shape), (DType::I16.into(), vec![5]));
        assert!(header.big_endian && header.fortran_order);
        let header = read("{'descr': '|b1', 'fortran_order': False, 'shape': (), }").unwrap();
        assert_eq!((header.element, header.shape), (DType::Bool.into(), vec![]));
    }

    #[test]
    fn what_is_no_header_is_refused_by_name() {
        for (text, what) in [
            (
                "{'descr': '<c8', 'fortran_order': False, 'shape': ()}",
                "'<c8'",
            ),
            (
                "{'descr': '|O', 'fortran_order': False, 'shape': ()}",
                "objects",
            ),
            (
                "{'descr': [('a', '<f4')], 'fortran_order': False}",
                "records",
            ),
            ("{'descr': '<f4', 'fortran_order': False}", "lacks one of"),
            (
                "{'descr': '<f4', 'fortran_order': maybe, 'shape': ()}",
                "True or False",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
                "no size at byte 51",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (9",
                "lacks a ')'",
            ),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
                "no size",
            ),
            ("{'descr': '<f4", "without an end"),
            ("{'descr': '<f4', 'x': 1}", "unknown key 'x'"),
            ("{} {}", "goes on"),
            ("", "lacks a '{'"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(what), "{text}: {error}");
        }
        let cut = Header::read(b"\x93NUMPY\x01\x00\xff", "x").unwrap_err();
        assert_eq!(
            cut.to_string(),
            "x: the file ends within the array's header"
        );
        let new = Header::read(b"\x93NUMPY\x09\x00\xff\xff", "x").unwrap_err();
        assert!(new.to_string().contains("version 9"));
    }
}
