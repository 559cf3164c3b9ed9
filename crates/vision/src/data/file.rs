//! Opening data files.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use crate::{Error, Result};

/// The content of a file, decompressed if it begins as a gzip file does.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut start = [0; 2];
    let zipped = file.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
    file.rewind().map_err(Error::io(path))?;
    match zipped {
        true => gunzip(path, file),
        false => Ok(Box::new(BufReader::new(file))),
    }
}

#[cfg(feature = "gzip")]
fn gunzip(_: &Path, file: File) -> Result<Box<dyn Read>> {
    let content = flate2::read::MultiGzDecoder::new(BufReader::new(file));
    Ok(Box::new(BufReader::new(content)))
}

#[cfg(not(feature = "gzip"))]
fn gunzip(path: &Path, _: File) -> Result<Box<dyn Read>> {
    let text = "compressed: reading it needs the feature `gzip` of pleach-vision";
    Err(Error::format(path, 0, text))
}

/// A file that is read from start to end, and knows where it is.
pub(super) struct Content<'a> {
    path: &'a Path,
    reader: Box<dyn Read>,
    offset: u64,
}

impl<'a> Content<'a> {
    pub fn open(path: &'a Path) -> Result<Self> {
        Ok(Content {
            path,
            reader: open(path)?,
            offset: 0,
        })
    }

    /// An error at this place.
    pub fn wrong(&self, what: impl Into<String>) -> Error {
        Error::format(self.path, self.offset, what)
    }

    /// The next bytes, and no fewer. Memory is taken as they come, not as a header promises.
    pub fn take(&mut self, bytes: u64, what: &str) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let read = (&mut self.reader).take(bytes).read_to_end(&mut out);
        self.offset += out.len() as u64;
        if let Err(e) = read {
            return Err(self.wrong(format!("reading {what}: {e}")));
        }
        match out.len() as u64 == bytes {
            true => Ok(out),
            false => Err(self.wrong(format!(
                "the file ends, but {bytes} bytes of {what} begin at byte {}",
                self.offset - out.len() as u64
            ))),
        }
    }

    /// The next four bytes as a number, the first byte the highest.
    pub fn number(&mut self, what: &str) -> Result<u32> {
        let bytes = self.take(4, what)?;
        let bytes = bytes.try_into().expect("take gives as many as asked for");
        Ok(u32::from_be_bytes(bytes))
    }

    /// That there is nothing more.
    pub fn end(&mut self) -> Result<()> {
        let mut more = [0; 1];
        match self.reader.read(&mut more) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.wrong("the file should end here, but goes on")),
            Err(e) => Err(self.wrong(format!("reading the end: {e}"))),
        }
    }
}
