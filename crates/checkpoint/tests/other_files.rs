//! Files that are something else are named, with what to do.

use pleach_checkpoint::{Dict, Format, Loader, load, to_bytes};
use pleach_core::tensor;

fn named(bytes: &[u8]) -> String {
    let error = Loader::new().load_bytes(bytes).expect_err("it is refused");
    error.to_string()
}

#[test]
fn files_of_other_programs_are_named() {
    let mut tar = vec![0; 1024];
    tar[..9].copy_from_slice(b"a/net.pth");
    tar[257..262].copy_from_slice(b"ustar");
    let mut old = tar.clone();
    old[..9].copy_from_slice(b"sys_info\0");
    let onnx = b"\x08\x08\x12\x07pytorch\x1a\x062.15.0:\x80\x01\n\x05input";
    let flax = b"\x81\xa6params\x82\xa7Dense_0\x82\xa6kernel";
    for (bytes, what, advice) in [
        (&b""[..], "the file is empty", "download it again"),
        (&[0; 100], "nothing but zeros", "download"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 46830571\n",
            "a Git LFS pointer: the file of 46830571 bytes itself was not downloaded",
            "git lfs pull",
        ),
        (
            b"<!DOCTYPE html>\n<html>",
            "an HTML page",
            "download the file itself",
        ),
        (
            b"\xef\xbb\xbf \n<HTML><head>",
            "an HTML page",
            "download the file itself",
        ),
        (
            b"<?xml version=\"1.0\"?><Error>AccessDenied",
            "an XML text",
            "download",
        ),
        (b"{\"hidden_size\": 768}", "a JSON text", "the weights"),
        (
            b"{\"weight_map\": {}}",
            "the index of a checkpoint",
            "load it by its path",
        ),
        (
            b"lr = 0.1\nepochs = 3\n",
            "a text of 20 bytes",
            "the right file",
        ),
        (
            b"model_checkpoint_path: \"ckpt-1\"",
            "a TensorFlow checkpoint's files",
            "load the model",
        ),
        (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file", "numpy.savez"),
        (b"GGUF\x03\0\0\0", "a GGUF file", ".safetensors"),
        (onnx, "an ONNX model", "load the model"),
        (
            b"\x08\x01\x12\x80\x02\n",
            "a TensorFlow SavedModel",
            "load the model",
        ),
        (
            b"\x0a\x20\x0a\x05input\x12\x0bPlaceholder",
            "a TensorFlow graph",
            "load the model",
        ),
        (
            b"\x1c\0\0\0TFL3\0\0",
            "a TensorFlow Lite model",
            "load the model",
        ),
        (
            flax,
            "a MessagePack file, such as Flax writes",
            "load the model",
        ),
        (b"\x1f\x8b\x08\0abc", "packed by gzip", "unpack it"),
        (b"BZh91AY", "packed by bzip2", "unpack it"),
        (b"\xfd7zXZ\0\0", "packed by xz", "unpack it"),
        (b"\x28\xb5\x2f\xfd\x04", "packed by Zstandard", "unpack it"),
        (b"7z\xbc\xaf\x27\x1c\0", "a 7-Zip archive", "unpack it"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive", "unpack it"),
        (
            &tar,
            "a tar archive, whose first file is 'a/net.pth'",
            "unpack it",
        ),
        (
            &old,
            "a tar archive of PyTorch before 0.1.10",
            "with a PyTorch of today",
        ),
        (b"\x89PNG\r\n\x1a\n", "a PNG image", "the right file"),
        (b"\xff\xd8\xff\xe0", "a JPEG image", "the right file"),
        (b"%PDF-1.7", "a PDF document", "the right file"),
        // pickle.dumps({'a': [1, 2.5]}, p) for p in 0, 1, 2, 4
        (
            b"(dp0\nVa\np1\n(lp2\nI1\naF2.5\nas.",
            "it is a pickle",
            "torch.save",
        ),
        (
            b"}q\0X\x01\0\0\0aq\x01]q\x02(K\x01G@\x04\0\0\0\0\0\0es.",
            "it is a pickle",
            "torch.save",
        ),
        (
            b"\x80\x02}q\0X\x01\0\0\0aq\x01]q\x02(K\x01G@\x04\0\0\0\0\0\0es.",
            "it is a pickle",
            "torch.save",
        ),
        (
            b"\x80\x04\x95\x17\0\0\0\0\0\0\0}\x94\x8c\x01a\x94]\x94(K\x01G@\x04\0\0\0\0\0\0es.",
            "it is a pickle",
            "torch.save",
        ),
        (
            b"\x01\x02\x03\xff\xfe",
            "of no known format",
            "the right file",
        ),
    ] {
        let error = named(bytes);
        assert!(error.starts_with("not a checkpoint: "), "{error}");
        assert!(error.contains(what) && error.contains(advice), "{error}");
    }
}

/// A zip archive of stored members without contents.
fn archive(names: &[&str]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for name in names {
        let offset = out.len() as u32;
        let mut fields = [0u8; 26];
        fields[22..24].copy_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend([b"PK\x03\x04", &fields[..], name.as_bytes()].concat());
        directory.extend([b"PK\x01\x02\0\0", &fields[..], &[0; 10]].concat());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    let count = (names.len() as u16).to_le_bytes();
    out.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count].concat());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

#[test]
fn zip_archives_of_other_programs_are_named() {
    for (names, what, advice) in [
        (
            &["metadata.json", "config.json", "model.weights.h5"][..],
            "a Keras model",
            "numpy.savez",
        ),
        (
            &["m/models/model.json", "m/version"],
            "a program of torch.export",
            "state_dict()",
        ),
        (
            &["m/.data/extern_modules"],
            "an archive of torch.package",
            "state_dict()",
        ),
        (
            &["[Content_Types].xml", "word/document.xml"],
            "an office program",
            "the right file",
        ),
        (
            &["run/a.pth", "run/b.txt"],
            "(it holds run/a.pth, run/b.txt); unpack it, and load what is in it: run/a.pth",
            "",
        ),
        (
            &["a", "b", "c", "d", "e"],
            "(it holds a, b, c, d, …)",
            "unpack it",
        ),
        (&[], "it is empty", "unpack it"),
    ] {
        let error = named(&archive(names));
        assert!(error.contains(what) && error.contains(advice), "{error}");
        assert!(error.contains("without a data.pkl"), "{error}");
    }
}

#[test]
fn a_name_that_does_not_fit_the_content_is_an_error_that_says_both() {
    let folder = std::env::temp_dir().join(format!("pleach-other-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("model.safetensors");
    let dict = || Dict::new().with("w", tensor![1.0]);
    let golden = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/golden/checkpoints/"
    );
    for (bytes, what) in [
        (
            to_bytes(dict(), Format::Torch).unwrap(),
            "a zip archive, as torch.save and numpy.savez write",
        ),
        (
            std::fs::read(format!("{golden}linear_legacy.pth")).unwrap(),
            "a pickle, as torch.save before",
        ),
        (
            to_bytes(tensor![1.0], Format::Npy).unwrap(),
            "an array of NumPy",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\nsize 5\n".to_vec(),
            "a Git LFS pointer",
        ),
        (b"\x1f\x8b\x08\0abc\0\0\0\0\0".to_vec(), "packed by gzip"),
        (Vec::new(), "the file is empty"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(
            error.contains("model.safetensors: not a checkpoint: "),
            "{error}"
        );
        assert!(error.contains(what), "{error}");
    }
    // The other way round the content decides.
    let path = folder.join("model.pth");
    std::fs::write(&path, to_bytes(dict(), Format::Safetensors).unwrap()).unwrap();
    assert!(load(&path).unwrap().get("w").is_ok());
    std::fs::remove_dir_all(folder).unwrap();
}
