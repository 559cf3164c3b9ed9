//! [`ArchiveWriter`]: a zip archive of stored members, whose data is aligned as PyTorch's.

use std::io::Write;

use rawzip::extra_fields::ExtraFieldId;
use rawzip::path::EntryPath;
use rawzip::{DataDescriptorOutput, Header, ZipArchiveWriter};

use crate::{Error, Result};

/// Where data begins in a file: at multiples of this, so that it can be mapped and used in place.
const ALIGN: u64 = 64;
/// The extra field that fills the gap, PyTorch's.
const PADDING: ExtraFieldId = ExtraFieldId::new(0x4246);

pub(crate) struct ArchiveWriter<W: Write>(ZipArchiveWriter<W>);

fn failed(error: rawzip::Error) -> Error {
    match error.into_kind() {
        rawzip::ErrorKind::IO(error) => Error::Io(error),
        other => Error::Unwritable(other.to_string()),
    }
}

impl<W: Write> ArchiveWriter<W> {
    pub fn new(out: W) -> Self {
        ArchiveWriter(ZipArchiveWriter::new(out))
    }

    /// Adds a member made of these pieces.
    pub fn add(&mut self, name: &str, pieces: &[&[u8]]) -> Result<()> {
        let mut sum = crc32fast::Hasher::new();
        pieces.iter().for_each(|piece| sum.update(piece));
        // A local header has 30 bytes, then the name, then the field: 4 bytes and its data.
        let start = self.0.stream_offset() + 30 + name.len() as u64 + 4;
        let gap = (ALIGN - start % ALIGN) % ALIGN;
        let padding = [b'Z'; ALIGN as usize];
        let entry = self.0.new_file(path(name)?);
        let entry = entry.extra_field(PADDING, &padding[..gap as usize], Header::LOCAL);
        let (mut entry, _) = entry.and_then(|entry| entry.start()).map_err(failed)?;
        let mut len = 0;
        for piece in pieces {
            entry.write_all(piece)?;
            len += piece.len() as u64;
        }
        let sums = DataDescriptorOutput::new(sum.finalize(), len);
        entry.finish(sums).map_err(failed)?;
        Ok(())
    }

    /// Writes the list of members.
    pub fn finish(self) -> Result<W> {
        self.0.finish().map_err(failed)
    }
}

/// The name as it is: readers know it to be UTF-8 only if it is marked so, which the library
/// does for names that are also tidy paths.
fn path(name: &str) -> Result<EntryPath<'_>> {
    let tidy = rawzip::path::ZipFilePath::from_str(name);
    match name.is_ascii() {
        true => Ok(EntryPath::verbatim(name.as_bytes())),
        false if tidy.as_str() == name => Ok(EntryPath::conformant(name)),
        false => Err(Error::Unwritable(format!(
            "the name '{name}' cannot be that of a member of a zip archive"
        ))),
    }
}
