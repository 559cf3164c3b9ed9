//! Where a JPEG ends.

use std::io::{self, BufRead, ErrorKind};

/// The number of bytes up to the end-of-image marker and with it, or `None` if the file ends
/// before: then it is cut short, which decoders fill up with grey.
///
/// A file is a sequence of markers, `0xff` and a byte; most begin a segment that says its length.
/// Between them are compressed data, in which `0xff` is followed by 0, or by a restart marker.
pub(super) fn jpeg_end(file: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut bytes = Bytes { file, at: 0 };
    match bytes.find_end() {
        Ok(()) => Ok(Some(bytes.at)),
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(e),
    }
}

struct Bytes<'a, R> {
    file: &'a mut R,
    at: u64,
}

impl<R: BufRead> Bytes<'_, R> {
    fn find_end(&mut self) -> io::Result<()> {
        loop {
            match self.marker()? {
                END => return Ok(()),
                // Without a segment: the start, restarts, and one for arithmetic coding.
                0xd8 | 0xd0..=0xd7 | 0x01 => {}
                _ => {
                    let length = u64::from(self.next()?) << 8 | u64::from(self.next()?);
                    // It counts its own two bytes.
                    self.skip(length.saturating_sub(2))?;
                }
            }
        }
    }

    /// The byte of the next marker.
    fn marker(&mut self) -> io::Result<u8> {
        loop {
            let mut byte = self.next()?;
            while byte != 0xff {
                byte = self.next()?;
            }
            // Any number of them may fill.
            while byte == 0xff {
                byte = self.next()?;
            }
            if byte != 0 {
                return Ok(byte);
            }
        }
    }

    fn next(&mut self) -> io::Result<u8> {
        let byte = self.buffered()?[0];
        self.file.consume(1);
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 {
            let some = (self.buffered()?.len() as u64).min(bytes);
            self.file.consume(some as usize);
            self.at += some;
            bytes -= some;
        }
        Ok(())
    }

    /// What is there, at least one byte.
    fn buffered(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.file.fill_buf() {
                Ok([]) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.file.fill_buf()
    }
}

/// The end of the image.
const END: u8 = 0xd9;

#[cfg(test)]
mod tests {
    use super::jpeg_end;

    fn end(bytes: &[u8]) -> Option<u64> {
        jpeg_end(&mut { bytes }).expect("memory can be read")
    }

    #[test]
    fn the_end_marker_of_a_segment_s_content_is_not_the_end() {
        // A thumbnail with a start and an end of its own, then data with a stuffed 0xff.
        let file = [
            &[0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9][..],
            &[
                0xff, 0xda, 0, 2, 1, 0xff, 0, 0xd9, 0xff, 0xd3, 7, 0xff, 0xff, 0xd9,
            ],
            &[1, 2, 3],
        ]
        .concat();
        assert_eq!(end(&file), Some(24));
        for cut in 0..24 {
            assert_eq!(end(&file[..cut]), None, "cut at {cut}");
        }
    }
}
