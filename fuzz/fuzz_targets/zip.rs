//! A `.pth` file: a zip archive. Besides the whole file, the input is tried as the pickle in a
//! sound archive with two storages, which mutations of a whole file hardly ever reach.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pleach_fuzz::check_file;

fuzz_target!(|data: &[u8]| {
    check_file(data);
    let storage = [0u8; 48];
    let members = [
        ("a/data.pkl", data),
        ("a/data/0", &storage),
        ("a/data/1", &storage[..8]),
        ("a/code/__torch__.py", data),
    ];
    check_file(&archive(&members));
});

/// A zip archive of stored members without checksums.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in members {
        let offset = out.len() as u32;
        let size = data.len() as u32;
        let mut fields = [0u8; 26];
        fields[14..18].copy_from_slice(&size.to_le_bytes());
        fields[18..22].copy_from_slice(&size.to_le_bytes());
        fields[22..24].copy_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(fields);
        out.extend(name.as_bytes());
        out.extend(*data);
        directory.extend(b"PK\x01\x02\0\0");
        directory.extend(fields);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}
