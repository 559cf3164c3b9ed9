//! [`Cursor`]: a pickle's bytes, read one argument at a time.

use super::fault::What;

/// A piece of the pickle: texts are not copied while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    pub fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..][..self.len as usize]
    }

    /// The text; only for spans that were checked to be UTF-8.
    pub fn text<'a>(&self, bytes: &'a [u8]) -> &'a str {
        std::str::from_utf8(self.of(bytes)).unwrap_or_default()
    }
}

pub(super) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn take(&mut self, n: u64) -> Result<&'a [u8], What> {
        let rest = &self.bytes[self.at..];
        if n > rest.len() as u64 {
            return Err(What::End);
        }
        self.at += n as usize;
        Ok(&rest[..n as usize])
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], What> {
        let bytes = self.take(N as u64)?;
        Ok(bytes.try_into().expect("take returns as many bytes"))
    }

    pub fn u8(&mut self) -> Result<u8, What> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u32(&mut self) -> Result<u32, What> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next `n` bytes as a span.
    pub fn span(&mut self, n: u64) -> Result<Span, What> {
        let start = self.at;
        let len = self.take(n)?.len();
        // A pickle is far shorter than 4 GiB (`run` checks it), so both fit.
        Ok(Span {
            start: start as u32,
            len: len as u32,
        })
    }

    /// The next `n` bytes as a span of UTF-8.
    pub fn text(&mut self, n: u64) -> Result<Span, What> {
        let span = self.span(n)?;
        match std::str::from_utf8(span.of(self.bytes)) {
            Ok(_) => Ok(span),
            Err(error) => Err(What::Corrupt(format!("a text that is not UTF-8: {error}"))),
        }
    }

    /// The text up to a newline, which is passed.
    pub fn line(&mut self) -> Result<&'a str, What> {
        const LONGEST: usize = 4096;
        let rest = &self.bytes[self.at..];
        let rest = &rest[..rest.len().min(LONGEST)];
        let Some(len) = rest.iter().position(|&b| b == b'\n') else {
            return Err(match rest.len() {
                LONGEST => What::Corrupt(format!("a name longer than {LONGEST} bytes")),
                _ => What::End,
            });
        };
        self.at += len + 1;
        std::str::from_utf8(&rest[..len])
            .map_err(|error| What::Corrupt(format!("a name that is not UTF-8: {error}")))
    }

    /// The bytes up to a newline, which is passed; a carriage return before it is none of them.
    pub fn line_span(&mut self) -> Result<Span, What> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|&b| b == b'\n').ok_or(What::End)?;
        let mut span = self.span(len as u64)?;
        self.at += 1;
        if rest[..len].ends_with(b"\r") {
            span.len -= 1;
        }
        Ok(span)
    }
}
