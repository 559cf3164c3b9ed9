//! [`Archive`]: the members of a zip archive, by name.

use std::collections::HashMap;

use miniz_oxide::inflate::{TINFLStatus, decompress_slice_iter_to_slice};
use pleach_core::Tensor;
use rawzip::{CompressionMethod, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ZipArchive, ZipLocator};

use crate::element::Element;
use crate::memory::{Extent, Memory, check_sum, ensure, read_all};
use crate::source::Source;
use crate::{Error, Limits, Result};

pub(crate) struct Archive<'s> {
    zip: ZipArchive<&'s Source<'s>>,
    source: &'s Source<'s>,
    members: HashMap<String, Member>,
    limits: &'s Limits,
}

struct Member {
    place: rawzip::ZipArchiveEntryWayfinder,
    header: u64,
    method: CompressionMethod,
    crc: u32,
}

/// Data of a member that is to become a tensor.
pub(crate) struct Wanted {
    pub member: String,
    pub element: Element,
    /// Elements.
    pub len: usize,
    /// The bytes before the first element: the header of an array.
    pub before: Vec<u8>,
    pub big_endian: bool,
}

fn broken(error: rawzip::Error) -> Error {
    Error::corrupt("zip archive", error.to_string())
}

impl<'s> Archive<'s> {
    /// Reads the list of members.
    pub fn open(source: &'s Source<'s>, limits: &'s Limits) -> Result<Self> {
        let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
        let zip = ZipLocator::new().locate_in_reader(source, &mut buffer, source.len());
        let zip = zip.map_err(|(_, error)| broken(error))?;
        let mut members = HashMap::new();
        let mut entries = zip.entries(&mut buffer);
        let mut count = 0u64;
        while let Some(entry) = entries.next_entry().map_err(broken)? {
            count += 1;
            if count > limits.members as u64 {
                let what = "members of a zip archive";
                return Err(Error::limit("zip archive", what, limits.members));
            }
            let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
            let member = Member {
                place: entry.wayfinder(),
                header: entry.local_header_offset(),
                method: entry.compression_method(),
                crc: entry.crc32(),
            };
            if entry.flags().is_encrypted() {
                return Err(Error::unsupported(name, "the member is encrypted"));
            }
            if members.insert(name.clone(), member).is_some() {
                return Err(Error::corrupt(name, "two members have this name"));
            }
        }
        if count != zip.entries_hint() {
            let what = format!(
                "{count} members are listed, and {} announced",
                zip.entries_hint()
            );
            return Err(Error::corrupt("zip archive", what));
        }
        Ok(Archive {
            zip,
            source,
            members,
            limits,
        })
    }

    pub fn contains(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The names, in the order of the archive's data.
    pub fn names(&self) -> Vec<&str> {
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by_key(|(_, member)| member.header);
        members.into_iter().map(|(name, _)| name.as_str()).collect()
    }

    fn member(&self, name: &str) -> Result<&Member> {
        let found = self.members.get(name);
        found.ok_or_else(|| Error::corrupt(name, "the archive has no such member"))
    }

    /// Where the member's packed bytes are; they lie within the file.
    fn range(&self, name: &str, member: &Member) -> Result<(u64, u64)> {
        let entry = self.zip.get_entry(member.place);
        let entry = entry.map_err(|e| Error::corrupt(name, e.to_string()))?;
        let (start, end) = entry.compressed_data_range();
        if end > self.source.len() {
            let what = format!(
                "its data ends at byte {end}, beyond the file of {} bytes",
                self.source.len()
            );
            return Err(Error::corrupt(name, what));
        }
        let stored = member.method == CompressionMethod::STORE;
        if stored && end - start != member.place.uncompressed_size_hint() {
            let what = format!(
                "a stored member of {} bytes takes {} in the archive",
                member.place.uncompressed_size_hint(),
                end - start
            );
            return Err(Error::corrupt(name, what));
        }
        Ok((start, end))
    }

    /// The bytes of a member that is no larger than `most`.
    pub fn read(&self, name: &str, most: usize, what: &'static str) -> Result<Vec<u8>> {
        let member = self.member(name)?;
        let size = member.place.uncompressed_size_hint();
        if size > most as u64 {
            return Err(Error::limit(name, what, most));
        }
        let (start, _) = self.range(name, member)?;
        let bytes = match member.method {
            CompressionMethod::STORE => self.source.read_vec(start, size as usize)?,
            _ => {
                self.check_ratio(name, member)?;
                ensure(size, name)?;
                let mut bytes = vec![0; size as usize];
                self.inflate(name, member, &mut bytes)?;
                bytes
            }
        };
        check_sum(name, known_sum(member), crc32fast::hash(&bytes))?;
        Ok(bytes)
    }

    /// The first bytes of a member, at most `most`.
    pub fn read_start(&self, name: &str, most: usize) -> Result<Vec<u8>> {
        let member = self.member(name)?;
        let size = member.place.uncompressed_size_hint();
        if member.method != CompressionMethod::STORE {
            return self.read(
                name,
                self.limits.inflated_bytes,
                "bytes of a deflated member",
            );
        }
        let (start, _) = self.range(name, member)?;
        Ok(self
            .source
            .read_vec(start, (most as u64).min(size) as usize)?)
    }

    /// Deflate packs at most 1032 to 1; a member that claims more is a lie.
    fn check_ratio(&self, name: &str, member: &Member) -> Result<()> {
        let place = member.place;
        let most = place.compressed_size_hint().saturating_mul(1032);
        if place.uncompressed_size_hint() > most {
            let what = format!(
                "{} bytes cannot unpack to {}",
                place.compressed_size_hint(),
                place.uncompressed_size_hint()
            );
            return Err(Error::corrupt(name, what));
        }
        Ok(())
    }

    fn inflate(&self, name: &str, member: &Member, out: &mut [u8]) -> Result<()> {
        if member.method != CompressionMethod::DEFLATE {
            let what = format!("the compression method {} is not known", member.method);
            return Err(Error::unsupported(name, what));
        }
        let (start, end) = self.range(name, member)?;
        ensure(end - start, name)?;
        let packed = self.source.read_vec(start, (end - start) as usize)?;
        let got = decompress_slice_iter_to_slice(out, std::iter::once(&packed[..]), false, true);
        match got {
            Ok(n) if n == out.len() => Ok(()),
            Ok(n) => {
                let what = format!("it unpacks to {n} bytes, and should to {}", out.len());
                Err(Error::corrupt(name, what))
            }
            Err(TINFLStatus::HasMoreOutput) => {
                let what = format!("it unpacks to more than {} bytes", out.len());
                Err(Error::corrupt(name, what))
            }
            Err(status) => Err(Error::corrupt(
                name,
                format!("cannot be unpacked: {status:?}"),
            )),
        }
    }

    /// A tensor over all elements of each of these members, whose sizes must be right to the byte.
    pub fn tensors(&self, wanted: &[Wanted]) -> Result<Vec<Tensor>> {
        let mut stored = Vec::new();
        let mut inflated = 0u64;
        for want in wanted {
            let member = self.member(&want.member)?;
            let size = member.place.uncompressed_size_hint();
            let item = want.element.size_of() as u64;
            let skip = want.before.len() as u64;
            let needed = (want.len as u64).checked_mul(item);
            if needed.and_then(|n| n.checked_add(skip)) != Some(size) {
                let what = format!(
                    "{} bytes of data are there for {} elements of {}",
                    size.saturating_sub(skip),
                    want.len,
                    want.element
                );
                return Err(Error::corrupt(&want.member, what));
            }
            let (start, _) = self.range(&want.member, member)?;
            if member.method == CompressionMethod::STORE {
                stored.push(Extent {
                    name: want.member.clone(),
                    element: want.element,
                    len: want.len,
                    offset: start + skip,
                    big_endian: want.big_endian,
                    crc: known_sum(member),
                    before: want.before.clone(),
                });
            } else {
                self.check_ratio(&want.member, member)?;
                inflated = inflated.saturating_add(size);
                if inflated > self.limits.inflated_bytes as u64 {
                    let what = "bytes that deflated members unpack to";
                    let limit = self.limits.inflated_bytes;
                    return Err(Error::limit(&want.member, what, limit));
                }
            }
        }
        let mut stored = read_all(self.source, &stored)?.into_iter();
        let mut out = Vec::with_capacity(wanted.len());
        for want in wanted {
            let member = self.member(&want.member)?;
            out.push(match member.method {
                CompressionMethod::STORE => stored.next().expect("one was read for each"),
                _ => self.inflated_tensor(want, member)?,
            });
        }
        Ok(out)
    }

    fn inflated_tensor(&self, want: &Wanted, member: &Member) -> Result<Tensor> {
        let bits = want.element.bits().ok_or_else(|| {
            let what = format!("a tensor of {} has no equal here", want.element);
            Error::unsupported(&want.member, what)
        })?;
        ensure(member.place.uncompressed_size_hint(), &want.member)?;
        let mut memory = Memory::new(bits, want.len);
        if want.before.is_empty() {
            let bytes = memory.bytes_mut();
            self.inflate(&want.member, member, bytes)?;
            check_sum(&want.member, known_sum(member), crc32fast::hash(bytes))?;
        } else {
            let most = self.limits.inflated_bytes;
            let bytes = self.read(&want.member, most, "bytes of a deflated member")?;
            memory
                .bytes_mut()
                .copy_from_slice(&bytes[want.before.len()..]);
        }
        Ok(memory.into_tensor(want.big_endian))
    }
}

/// PyTorch can be told not to compute checksums; it writes 0 then.
fn known_sum(member: &Member) -> Option<u32> {
    (member.crc != 0).then_some(member.crc)
}
