//! Files that ask for too much, or are not what they say.

use pleach_checkpoint::{Dict, Format, Limits, Loader, Value, to_bytes};
use pleach_core::{Result, Tensor, tensor};

fn golden(file: &str) -> Vec<u8> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/golden/checkpoints/"
    );
    std::fs::read(format!("{folder}{file}")).unwrap()
}

/// The error of loading with other limits; without them it loads.
fn refused(bytes: &[u8], change: impl FnOnce(&mut Limits)) -> String {
    Loader::new()
        .load_bytes(bytes)
        .expect("the default limits let it through");
    let mut limits = Limits::default();
    change(&mut limits);
    let result = Loader::new().limits(limits).load_bytes(bytes);
    result.expect_err("the limit is exceeded").to_string()
}

#[test]
fn every_limit_is_kept() -> Result<()> {
    let two = Dict::new().with("a", tensor![1.0]).with("b", tensor![2.0]);
    let arrays = to_bytes(two.clone(), Format::Npz)?;
    let error = refused(&arrays, |l| l.members = 1);
    assert_eq!(
        error,
        "zip archive: members of a zip archive (the limit is 1)"
    );
    let pth = to_bytes(two.clone(), Format::Torch)?;
    let error = refused(&pth, |l| l.pickle_bytes = 10);
    assert_eq!(
        error,
        "archive/data.pkl: bytes of a pickle (the limit is 10)"
    );
    let error = refused(&pth, |l| l.values = 10);
    assert!(error.starts_with("archive/data.pkl, byte "), "{error}");
    assert!(
        error.ends_with("values in a pickle (the limit is 10)"),
        "{error}"
    );
    let error = refused(&pth, |l| l.depth = 0);
    assert!(
        error.ends_with("containers within containers (the limit is 0)"),
        "{error}"
    );
    let safetensors = to_bytes(two, Format::Safetensors)?;
    let error = refused(&safetensors, |l| l.header_bytes = 10);
    assert_eq!(error, "header: bytes of a header (the limit is 10)");
    let deflated = golden("rezip_deflate.pth");
    let error = refused(&deflated, |l| l.inflated_bytes = 50);
    assert!(
        error.contains("data/") && error.ends_with("(the limit is 50)"),
        "{error}"
    );
    let expanded = Tensor::zeros([1]).as_strided([1000], [0], 0)?;
    let expanded = to_bytes(expanded, Format::Torch)?;
    let error = refused(&expanded, |l| l.repeated_elements = 999);
    assert!(
        error.ends_with("that repeats its memory (the limit is 999)"),
        "{error}"
    );
    let legacy = golden("linear_legacy.pth");
    let error = refused(&legacy, |l| l.pickle_bytes = 100);
    assert!(error.contains("the pickle ends too early"), "{error}");
    Ok(())
}

#[test]
fn a_tensor_has_no_more_dimensions_than_in_pytorch() -> Result<()> {
    let wide = |n: usize| Tensor::zeros([1]).as_strided(vec![1; n], vec![1; n], 0);
    for format in [Format::Torch, Format::Safetensors] {
        let bytes =
            |n| -> Result<Vec<u8>> { Ok(to_bytes(Dict::new().with("x", wide(n)?), format)?) };
        assert!(Loader::new().load_bytes(&bytes(64)?).is_ok());
        assert!(Loader::new().load_bytes(&bytes(65)?).is_err());
    }
    Ok(())
}

/// Where `needle` is for the last time.
fn last(bytes: &[u8], needle: &[u8]) -> usize {
    let mut places = bytes.windows(needle.len());
    places
        .rposition(|window| window == needle)
        .expect("it is there")
}

#[test]
fn two_storages_cannot_have_the_same_bytes() -> Result<()> {
    // Otherwise a small archive could name its data again and again, and ask for any amount.
    let two = Dict::new()
        .with("a", tensor![1.0, 2.0])
        .with("b", tensor![1.0, 2.0]);
    let mut bytes = to_bytes(two, Format::Torch)?;
    // The last place of a member's name is in the list of members, after its offset.
    let (first, second) = (
        last(&bytes, b"archive/data/0"),
        last(&bytes, b"archive/data/1"),
    );
    bytes.copy_within(first - 4..first, second - 4);
    let error = Loader::new().load_bytes(&bytes).unwrap_err().to_string();
    assert_eq!(
        error,
        "archive/data/1: its data overlaps that of archive/data/0"
    );
    Ok(())
}

#[test]
fn a_damaged_tensor_is_noticed_by_its_checksum() -> Result<()> {
    let mut bytes = to_bytes(tensor![1234.5, 2.0], Format::Torch)?;
    let at = last(&bytes, &1234.5f32.to_le_bytes());
    bytes[at] ^= 1;
    let error = Loader::new().load_bytes(&bytes).unwrap_err().to_string();
    assert!(
        error.starts_with("archive/data/0: its data is damaged: the checksum is "),
        "{error}"
    );
    Ok(())
}

/// The start of every file in PyTorch's old format: magic number, version, facts.
const LEGACY: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";

/// A tensor of three elements over the part of a storage of six that is given.
fn old_view(part: &[u8]) -> Vec<u8> {
    let mut bytes = LEGACY.to_vec();
    bytes.extend(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storage");
    bytes.extend(b"ctorch\nFloatStorage\nX\x01\0\0\0kX\x03\0\0\0cpuK\x06");
    bytes.extend(part);
    bytes.extend(b"tQK\0K\x03\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR.");
    bytes.extend(b"\x80\x02]X\x01\0\0\0ka.");
    bytes.extend(6u64.to_le_bytes());
    bytes.extend((0..6).flat_map(|i| (i as f32).to_le_bytes()));
    bytes
}

#[test]
fn old_files_have_views_of_storages() -> Result<()> {
    // The key of the view, where it begins, and its length.
    let value = Loader::new().load_bytes(&old_view(b"(X\x01\0\0\0vK\x02K\x03t"))?;
    assert_eq!(value.as_tensor()?.to_vec::<f32>()?, [2., 3., 4.]);
    let value = Loader::new().load_bytes(&old_view(b"N"))?;
    assert_eq!(value.as_tensor()?.to_vec::<f32>()?, [0., 1., 2.]);
    let beyond = Loader::new().load_bytes(&old_view(b"(X\x01\0\0\0vK\x04K\x03t"));
    assert!(
        beyond
            .unwrap_err()
            .to_string()
            .contains("reaches beyond a storage of 6")
    );
    let short = Loader::new().load_bytes(&old_view(b"(X\x01\0\0\0vK\x02K\x02t"));
    assert!(
        short
            .unwrap_err()
            .to_string()
            .contains("beyond its storage of 2 elements")
    );
    Ok(())
}

#[test]
fn pickles_of_later_protocols_are_read() -> Result<()> {
    // pickle.dumps({'a': (1, b'x'), 'b': {2}}, 4)
    let pickle = b"\x80\x04\x95\x1c\0\0\0\0\0\0\0}\x94(\x8c\x01a\x94K\x01C\x01x\x94\x86\x94\
                   \x8c\x01b\x94\x8f\x94(K\x02\x90u.";
    let value = Loader::new().load_pickle(pickle)?;
    assert_eq!(value.to_string(), "{'a': (1, b'x'), 'b': {2}}");
    Ok(())
}

#[test]
fn keys_repeat_as_in_python() -> Result<()> {
    let value = Loader::new()
        .load_pickle(b"\x80\x02}(X\x01\0\0\0aK\x01X\x01\0\0\0bK\x02X\x01\0\0\0aK\x03u.")?;
    assert_eq!(value.to_string(), "{'a': 3, 'b': 2}");
    let unhashable = Loader::new().load_pickle(b"\x80\x02}]K\x01s.").unwrap_err();
    assert_eq!(
        unhashable.to_string(),
        "pickle: a list as the key of a dict"
    );
    Ok(())
}

#[test]
fn what_is_taken_below_a_mark_is_an_error() {
    for pickle in [
        &b"K\x01(0."[..],
        b"K\x01(\x85.",
        b"]K\x01(a.",
        b"K\x01(q\0.",
        b"}K\x01(K\x02s.",
    ] {
        let error = Loader::new().load_pickle(pickle).unwrap_err().to_string();
        assert!(error.contains("nothing is on the stack"), "{error}");
    }
}

#[test]
fn a_value_that_is_no_data_is_refused() {
    let class = Loader::new()
        .load_pickle(b"ccollections\nOrderedDict\n.")
        .unwrap_err();
    assert_eq!(class.to_string(), "pickle: a class or function as a value");
    let value = Loader::new().load_pickle(b"ctorch\nfloat32\n.").unwrap();
    assert!(matches!(value, Value::DType(name) if name == "float32"));
}
