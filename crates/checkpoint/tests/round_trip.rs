//! What is saved comes back, in every format that can hold it.

use std::path::PathBuf;

use pleach_checkpoint::{
    Dict, Format, Loader, Value, load, load_state_dict, save, save_as, to_bytes,
};
use pleach_core::{DType, Result, Tensor, tensor};
use pleach_nn::StateDict;
use pleach_optim::{GroupState, OptimizerState, StateValue};

const ALL: [Format; 4] = [Format::Torch, Format::Safetensors, Format::Npy, Format::Npz];

fn through(value: impl Into<Value>, format: Format) -> pleach_checkpoint::Result<Value> {
    Loader::new().load_bytes(&to_bytes(value, format)?)
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pleach-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn every_dtype() -> Result<Dict> {
    let mut dict = Dict::new();
    for dtype in DType::ALL {
        dict.insert(
            format!("{dtype}"),
            tensor![[0., 1.], [1., 3.]].to_dtype(dtype)?,
        );
    }
    dict.insert("scalar", tensor![-7].reshape(())?);
    dict.insert("empty", Tensor::zeros([0, 3]));
    dict.insert("view", tensor![[1., 2.], [3., 4.]].transpose(0, 1)?);
    dict.insert("nan", tensor![f32::NAN, -0.0, f32::INFINITY]);
    dict.insert("large", tensor![i64::MAX, i64::MIN]);
    Ok(dict)
}

fn same(got: &Tensor, expected: &Tensor) -> bool {
    (got.dtype(), got.shape(), got.to_le_bytes())
        == (expected.dtype(), expected.shape(), expected.to_le_bytes())
}

#[test]
fn every_dtype_and_shape_survives_every_format() -> Result<()> {
    let dict = every_dtype()?;
    for format in ALL {
        for (name, tensor) in dict.iter() {
            let tensor = tensor.as_tensor()?;
            let value = match format {
                Format::Torch | Format::Npy => Value::from(tensor),
                _ => Value::from(Dict::new().with(name.as_str()?, tensor)),
            };
            if tensor.dtype() == DType::BF16 && matches!(format, Format::Npy | Format::Npz) {
                let error = through(value, format).unwrap_err().to_string();
                assert!(
                    error.contains("NumPy has no type for torch.bfloat16"),
                    "{error}"
                );
                continue;
            }
            let back = through(value, format)?;
            let back = match &back {
                Value::Dict(dict) => dict
                    .get(name.as_str()?)
                    .expect("it was saved")
                    .as_tensor()?,
                other => other.as_tensor()?,
            };
            assert!(same(back, tensor), "{format:?} {name}: {back} for {tensor}");
        }
    }
    Ok(())
}

#[test]
fn a_tree_of_every_kind_of_value_survives() -> Result<()> {
    let inner = Dict::new()
        .with("none", Value::None)
        .with("yes", true)
        .with("no", false)
        .with("text", "'ß\n\0'")
        .with("bytes", Value::Bytes((0..=255).collect()))
        .with("tuple1", Value::Tuple(vec![1.into()]))
        .with(
            "tuple4",
            Value::Tuple(vec![1.into(), 2.into(), "x".into(), Value::None]),
        )
        .with("empty tuple", Value::Tuple(Vec::new()))
        .with("set", Value::Set(vec![3.into()]))
        .with("size", Value::Size(vec![2, 3, 70000]))
        .with("dtype", Value::DType("float16".into()))
        .with("device", Value::Device("cuda:0".into()))
        .with("floats", vec![0.1, -0.0, f64::INFINITY, 1e-300]);
    let numbers = [
        0,
        255,
        256,
        -1,
        i32::MAX as i128,
        i32::MIN as i128 - 1,
        u64::MAX as i128,
    ];
    let numbers: Vec<Value> = numbers
        .into_iter()
        .chain([i128::MAX, i128::MIN])
        .map(Value::Int)
        .collect();
    let tree = Value::List(vec![
        inner.into(),
        Value::List(numbers),
        Value::List(Vec::new()),
    ]);
    let back = through(tree.clone(), Format::Torch)?;
    assert_eq!(back.to_string(), tree.to_string());
    assert_eq!(back.at("0/floats/3")?.as_float()?, 1e-300);
    Ok(())
}

#[test]
fn tied_tensors_stay_tied_and_views_stay_views() -> Result<()> {
    let weight = tensor![[1., 2., 3.], [4., 5., 6.]];
    let dict = Dict::new()
        .with("a", &weight)
        .with("b", &weight)
        .with("t", weight.transpose(0, 1)?)
        .with("copy", tensor![[1., 2., 3.], [4., 5., 6.]]);
    let back = through(dict.clone(), Format::Torch)?;
    let get = |name: &str| -> Result<Tensor> { Ok(back.get(name)?.as_tensor()?.clone()) };
    assert!(get("a")?.shares_memory_with(&get("b")?));
    assert!(get("a")?.shares_memory_with(&get("t")?));
    assert!(!get("a")?.shares_memory_with(&get("copy")?));
    assert_eq!(get("t")?.strides(), [1, 3]);
    assert_eq!(get("t")?.to_vec::<f32>()?, [1., 4., 2., 5., 3., 6.]);

    // Safetensors has no views, but says what is the same.
    let back = through(dict, Format::Safetensors)?;
    let get = |name: &str| -> Result<Tensor> { Ok(back.get(name)?.as_tensor()?.clone()) };
    assert!(get("a")?.shares_memory_with(&get("b")?));
    assert!(!get("a")?.shares_memory_with(&get("t")?));
    assert!(get("t")?.is_contiguous());
    assert_eq!(get("t")?.to_vec::<f32>()?, [1., 4., 2., 5., 3., 6.]);
    Ok(())
}

#[test]
fn of_a_large_memory_only_what_is_used_is_written() -> Result<()> {
    let large = Tensor::arange(100_000);
    let view = large.as_strided([3], [2], 50_000)?;
    let other = large.as_strided([1], [1], 50_010)?;
    let dict = Dict::new()
        .with("x", &view)
        .with("y", &other)
        .with("none", large.as_strided([0], [1], 7)?);
    let bytes = to_bytes(dict, Format::Torch)?;
    assert!(bytes.len() < 4000, "{}", bytes.len());
    let back = Loader::new().load_bytes(&bytes)?;
    let (x, y) = (back.get("x")?.as_tensor()?, back.get("y")?.as_tensor()?);
    assert_eq!(x.to_vec::<i64>()?, [50_000, 50_002, 50_004]);
    assert_eq!(y.to_vec::<i64>()?, [50_010]);
    assert!(x.shares_memory_with(y) && x.storage_len() == 11);
    assert_eq!(back.get("none")?.as_tensor()?.shape(), [0]);
    Ok(())
}

#[test]
fn parameters_and_gradients_keep_their_flags() -> Result<()> {
    let data = tensor![1., 2.];
    let dict = Dict::new()
        .with(
            "p",
            Value::Parameter {
                data: data.clone(),
                requires_grad: true,
            },
        )
        .with(
            "frozen",
            Value::Parameter {
                data: data.clone(),
                requires_grad: false,
            },
        )
        .with("leaf", data.requires_grad_(true)?);
    let back = through(dict, Format::Torch)?;
    assert!(matches!(
        back.get("p")?,
        Value::Parameter {
            requires_grad: true,
            ..
        }
    ));
    assert!(matches!(
        back.get("frozen")?,
        Value::Parameter {
            requires_grad: false,
            ..
        }
    ));
    assert!(back.get("leaf")?.as_tensor()?.requires_grad());
    assert_eq!(back.get("p")?.as_tensor()?.to_vec::<f32>()?, [1., 2.]);
    Ok(())
}

#[test]
fn versions_of_modules_are_kept_by_pth_files() -> Result<()> {
    let mut state = StateDict::from_iter([("bn.weight", tensor![1.0])]);
    let versions = [(String::new(), 1), ("bn".to_string(), 2)];
    state.set_versions(Some(versions.into_iter().collect()));
    let back = through(&state, Format::Torch)?.state_dict()?;
    assert_eq!(back.versions(), state.versions());
    assert_eq!(
        through(&state, Format::Safetensors)?
            .state_dict()?
            .versions(),
        None
    );
    Ok(())
}

#[test]
fn an_optimizers_state_survives() -> Result<()> {
    let own = |value: Tensor| vec![("exp_avg".to_string(), StateValue::Tensor(value))];
    let option = |name: &str, value: StateValue| (name.to_string(), value);
    let betas = vec![StateValue::Float(0.9), StateValue::Float(0.999)];
    let names = vec![StateValue::Str("a'b".into())];
    let state = OptimizerState {
        state: [(0, own(tensor![1.0])), (12, own(tensor![2.0]))]
            .into_iter()
            .collect(),
        param_groups: vec![GroupState {
            options: vec![
                option("lr", StateValue::Float(0.1)),
                option("betas", StateValue::Tuple(betas)),
                option("amsgrad", StateValue::Bool(false)),
                option("foreach", StateValue::None),
                option("param_names", StateValue::List(names)),
                option("weight_decay", StateValue::Int(0)),
            ],
            params: vec![0, 12],
        }],
    };
    let back = through(&state, Format::Torch)?.optimizer_state()?;
    assert_eq!(back.to_string(), state.to_string());
    Ok(())
}

#[test]
fn pytorchs_optimizer_states_go_through_ours_unchanged() -> Result<()> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/golden/checkpoints"
    );
    for (file, entry) in [
        ("checkpoint_sgd.pth", "optimizer"),
        ("checkpoint_adamw.pth", "optim"),
    ] {
        let checkpoint = load(format!("{folder}/{file}"))?;
        let theirs = checkpoint.get(entry)?;
        let state = theirs.optimizer_state()?;
        assert_eq!(state.state.len(), 4, "{file}");
        assert_eq!(
            Value::from(&state).to_string(),
            theirs.to_string(),
            "{file}"
        );
        let step = theirs.at("state/0/step");
        assert_eq!(step.is_ok(), file.contains("adamw"));
    }
    Ok(())
}

#[test]
fn floats_are_converted_on_load_and_stay_tied() -> Result<()> {
    let weight = tensor![1.0, 2.5];
    let dict = Dict::new()
        .with("a", &weight)
        .with("b", &weight)
        .with("n", tensor![3]);
    for format in [Format::Torch, Format::Safetensors, Format::Npz] {
        let bytes = to_bytes(dict.clone(), format)?;
        let back = Loader::new().dtype(DType::BF16).load_bytes(&bytes)?;
        assert_eq!(back.get("a")?.as_tensor()?.dtype(), DType::BF16);
        assert_eq!(back.get("b")?.as_tensor()?.to_vec_f64(), [1.0, 2.5]);
        assert_eq!(back.get("n")?.as_tensor()?.dtype(), DType::I64);
        let tied = back
            .get("a")?
            .as_tensor()?
            .shares_memory_with(back.get("b")?.as_tensor()?);
        assert_eq!(tied, format != Format::Npz);
    }
    Ok(())
}

#[test]
fn metadata_of_safetensors_are_kept() -> Result<()> {
    let mut dict = Dict::new().with("w", tensor![1.0]);
    dict.set_attribute("__metadata__", Dict::new().with("made by", "\"me\" ☃"));
    let back = through(dict, Format::Safetensors)?;
    let metadata = back
        .as_dict()?
        .attribute("__metadata__")
        .expect("it was saved");
    assert_eq!(metadata.get("made by")?.as_str()?, "\"me\" ☃");
    assert_eq!(metadata.get("format")?.as_str()?, "pt");
    Ok(())
}

#[test]
fn what_a_format_cannot_hold_is_refused_and_leaves_no_file() -> Result<()> {
    let folder = Folder::new("refused");
    let nested = Dict::new().with("epoch", 3).with("w", tensor![1.0]);
    for (name, what) in [
        ("a.safetensors", "'epoch' is an int: save a .pth file"),
        ("a.npz", "'epoch' is an int"),
        ("a.npy", "holds one tensor, not a dict"),
    ] {
        let error = save(nested.clone(), folder.0.join(name))
            .unwrap_err()
            .to_string();
        assert!(error.contains(what) && error.contains(name), "{error}");
    }
    let reserved = Dict::new().with("__metadata__", tensor![1.0]);
    assert!(save(reserved, folder.0.join("a.safetensors")).is_err());
    let mut deep = Value::None;
    for _ in 0..300 {
        deep = Value::List(vec![deep]);
    }
    assert!(save(deep, folder.0.join("a.pth")).is_err());
    assert!(save(Value::DType("x\nos".into()), folder.0.join("a.pth")).is_err());
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
    let nowhere = save(Value::None, "/nonexistent/x.pth")
        .unwrap_err()
        .to_string();
    assert!(nowhere.starts_with("/nonexistent/x.pth: "), "{nowhere}");
    let nothing = load("/nonexistent/x.pth").unwrap_err().to_string();
    assert!(nothing.starts_with("/nonexistent/x.pth: "), "{nothing}");
    Ok(())
}

#[test]
fn a_failed_save_leaves_the_old_file() -> Result<()> {
    let folder = Folder::new("kept");
    let path = folder.0.join("model.npz");
    save(Dict::new().with("w", tensor![1.0]), &path)?;
    let bad = Dict::new()
        .with("v", tensor![2.0])
        .with("w", tensor![1.0].to_dtype(DType::BF16)?);
    assert!(save(bad, &path).is_err());
    assert_eq!(load_state_dict(&path)?["w"].item()?, 1.0);
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
    Ok(())
}

#[test]
#[cfg(unix)]
fn a_link_and_the_permissions_of_the_old_file_are_kept() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("link");
    let (target, link) = (folder.0.join("target.pth"), folder.0.join("link.pth"));
    save(tensor![1.0], &target)?;
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    save(tensor![2.0], &link)?;
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(load(&target)?.as_tensor()?.item()?, 2.0);
    assert_eq!(
        std::fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o640
    );
    Ok(())
}

#[test]
fn the_content_decides_what_a_file_is() -> Result<()> {
    let folder = Folder::new("content");
    let path = folder.0.join("model.bin");
    let dict = Dict::new().with("w", tensor![1.0]);
    for format in [Format::Torch, Format::Safetensors, Format::Npz] {
        save_as(dict.clone(), &path, format)?;
        assert_eq!(load_state_dict(&path)?["w"].item()?, 1.0, "{format:?}");
    }
    let lie = folder.0.join("model.safetensors");
    save_as(dict, &lie, Format::Torch)?;
    assert!(load(&lie).is_err());
    Ok(())
}

#[test]
fn damage_anywhere_is_noticed_or_harmless() -> Result<()> {
    // Every byte in turn is another one: what loads must be what was saved, but for the bytes
    // that nothing checks, such as names of members and, in safetensors and npy, the data.
    let dict = Dict::new()
        .with("w", tensor![1.0, 2.0])
        .with("n", tensor![3]);
    for format in [Format::Torch, Format::Npz] {
        let bytes = to_bytes(dict.clone(), format)?;
        for i in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[i] ^= 0x55;
            if let Ok(value) = Loader::new().load_bytes(&damaged)
                && let (Ok(w), Ok(n)) = (value.get("w"), value.get("n"))
            {
                assert_eq!(
                    w.as_tensor()?.to_vec::<f32>()?,
                    [1.0, 2.0],
                    "{format:?} byte {i}"
                );
                assert_eq!(n.as_tensor()?.to_vec::<i64>()?, [3], "{format:?} byte {i}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_file_cut_anywhere_is_refused() -> Result<()> {
    let dict = Dict::new()
        .with("w", tensor![1.0, 2.0])
        .with("n", tensor![3]);
    for format in [Format::Torch, Format::Safetensors, Format::Npz] {
        let bytes = to_bytes(dict.clone(), format)?;
        for len in 0..bytes.len() {
            assert!(
                Loader::new().load_bytes(&bytes[..len]).is_err(),
                "{format:?} {len}"
            );
        }
    }
    let bytes = to_bytes(tensor![1.0, 2.0], Format::Npy)?;
    for len in 0..bytes.len() {
        assert!(
            Loader::new().load_bytes(&bytes[..len]).is_err(),
            "npy {len}"
        );
    }
    Ok(())
}
