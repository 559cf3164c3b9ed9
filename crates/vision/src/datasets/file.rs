//! Opening data files.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use crate::{Error, Result};

/// The content of a file, decompressed if it begins as a gzip file does, and whether it does.
fn open(path: &Path) -> Result<(Box<dyn BufRead>, bool)> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut start = [0; 2];
    let zipped = file.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
    file.rewind().map_err(Error::io(path))?;
    let reader = match zipped {
        true => gunzip(path, file)?,
        false => Box::new(BufReader::new(file)),
    };
    Ok((reader, zipped))
}

#[cfg(feature = "gzip")]
fn gunzip(_: &Path, file: File) -> Result<Box<dyn BufRead>> {
    let content = flate2::read::MultiGzDecoder::new(BufReader::new(file));
    Ok(Box::new(BufReader::new(content)))
}

#[cfg(not(feature = "gzip"))]
fn gunzip(path: &Path, _: File) -> Result<Box<dyn BufRead>> {
    let text = "compressed: reading it needs the feature `gzip` of pleach-vision";
    Err(Error::format(path, 0, text))
}

/// A file that is read from start to end, and knows where it is.
pub(super) struct Content<'a> {
    path: &'a Path,
    reader: Box<dyn BufRead>,
    zipped: bool,
    offset: u64,
}

impl<'a> Content<'a> {
    pub fn open(path: &'a Path) -> Result<Self> {
        let (reader, zipped) = open(path)?;
        Ok(Content {
            path,
            reader,
            zipped,
            offset: 0,
        })
    }

    /// The number of bytes, which a compressed file does not tell.
    pub fn length(&self) -> Result<Option<u64>> {
        match self.zipped {
            true => Ok(None),
            false => Ok(Some(
                self.path.metadata().map_err(Error::io(self.path))?.len(),
            )),
        }
    }

    /// Whether there is nothing more.
    pub fn at_end(&mut self) -> Result<bool> {
        match self.reader.fill_buf() {
            Ok(bytes) => Ok(bytes.is_empty()),
            Err(e) => Err(self.wrong(format!("reading the end: {e}"))),
        }
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
        match self.at_end()? {
            true => Ok(()),
            false => Err(self.wrong("the file should end here, but goes on")),
        }
    }
}
