//! [`Source`]: bytes at a position, from a file or from memory.
//!
//! Files are read at positions straight into the tensors' memory, not mapped. A map is a promise
//! that nobody changes the file while it is used, which no program can keep for another: a file
//! that is cut shorter then kills the process, one that is written to changes tensors, and Rust
//! calls both undefined behaviour. A read that meets such a file is an error instead.

use std::fs::File;
use std::io;

/// Where a checkpoint is read from.
pub(crate) enum Source<'a> {
    File { file: File, len: u64 },
    Bytes(&'a [u8]),
}

impl Source<'_> {
    pub fn open(path: &std::path::Path) -> io::Result<Source<'static>> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            let what = "it is not a file, but a folder or a device";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(Source::File {
            len: metadata.len(),
            file,
        })
    }

    pub fn len(&self) -> u64 {
        match self {
            Source::File { len, .. } => *len,
            Source::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// Fills the buffer from `offset` on.
    pub fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < out.len() {
            match self.read_at(&mut out[done..], offset.saturating_add(done as u64))? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => done += n,
            }
        }
        Ok(())
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Source::File { file, .. } => loop {
                match read_file_at(file, out, offset) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    other => return other,
                }
            },
            Source::Bytes(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let rest = bytes.get(start..).unwrap_or_default();
                let n = rest.len().min(out.len());
                out[..n].copy_from_slice(&rest[..n]);
                Ok(n)
            }
        }
    }

    /// The bytes of a range that the source has; its length was checked against [`Source::len`].
    pub fn read_vec(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        out.try_reserve_exact(len)
            .map_err(|_| io::Error::other(format!("{len} bytes of memory cannot be had")))?;
        out.resize(len, 0);
        self.read_exact_at(&mut out, offset)?;
        Ok(out)
    }
}

#[cfg(unix)]
fn read_file_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, offset)
}

#[cfg(windows)]
fn read_file_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, offset)
}

#[cfg(not(any(unix, windows)))]
compile_error!("pleach-checkpoint reads files at positions, which this platform's std cannot");

impl rawzip::ReaderAt for &Source<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        Source::read_at(self, buf, offset)
    }
}
