//! The Rust side of `tests/interop/checkpoints.py`, which runs it:
//! `interop write FOLDER`, `interop read FOLDER`, `interop train FROM TO STEPS`,
//! `interop copy FROM TO`.

use std::path::Path;

use pleach_checkpoint::{Dict, Loader, UnsignedTensor, Value, load, load_state_dict, save};
use pleach_core::{DType, Result, Tensor, tensor};
use pleach_nn::layers::{BatchNorm2d, Conv2d, Flatten, Linear, ReLU};
use pleach_nn::losses::{CrossEntropyLoss, Loss};
use pleach_nn::{Forward, Module, Sequential};
use pleach_optim::{Optimizer, SGD};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["write", folder] => write(Path::new(folder)),
        ["read", folder] => read(Path::new(folder)),
        ["train", from, to, steps] => train(from, to, steps.parse().expect("a number of steps")),
        ["copy", from, to] => Ok(save(load(from)?, to)?),
        _ => panic!("interop write FOLDER | read FOLDER | train FROM TO STEPS | copy FROM TO"),
    }
}

/// `0, 1, 1, 3` in every dtype, and shapes at the edges.
fn tensors() -> Result<Dict> {
    let mut out = Dict::new();
    for dtype in DType::ALL {
        let name = dtype.to_string().replace("torch.", "");
        out.insert(name, tensor![[0., 1.], [1., 3.]].to_dtype(dtype)?);
    }
    let shape = [2, 2];
    out.insert(
        "uint16",
        UnsignedTensor::from_vec(vec![0u16, 1, 1, 3], shape)?,
    );
    out.insert(
        "uint32",
        UnsignedTensor::from_vec(vec![0u32, 1, 1, 3], shape)?,
    );
    out.insert(
        "uint64",
        UnsignedTensor::from_vec(vec![0u64, 1, 1, 3], shape)?,
    );
    out.insert(
        "largest",
        UnsignedTensor::from_vec(vec![u64::MAX, 1 << 63], [2])?,
    );
    out.insert("zero_d", tensor![-7].reshape(())?);
    out.insert("empty", Tensor::zeros([0, 3]));
    out.insert("large", tensor![i64::MAX, i64::MIN]);
    out.insert("special", tensor![f32::NAN, -0.0, f32::INFINITY]);
    out.insert("transposed", tensor![[1., 2.], [3., 4.]].transpose(0, 1)?);
    Ok(out)
}

fn write(folder: &Path) -> Result<()> {
    let all = tensors()?;
    save(all.clone(), folder.join("tensors.pth"))?;
    save(all.clone(), folder.join("tensors.safetensors"))?;
    let mut numpys = Dict::new();
    for (name, value) in all.iter() {
        let name = name.as_str()?;
        if name != "bfloat16" {
            numpys.insert(name, value.clone()); // NumPy has no bfloat16
            save(value.clone(), folder.join(format!("{name}.npy")))?;
        }
    }
    save(numpys, folder.join("tensors.npz"))?;
    let weight = tensor![[1., 2., 3.], [4., 5., 6.]];
    let tied = Dict::new()
        .with("a", &weight)
        .with("b", &weight)
        .with("t", weight.transpose(0, 1)?)
        .with("row", weight.as_strided([3], [1], 3)?);
    save(tied.clone(), folder.join("tied.pth"))?;
    save(tied, folder.join("tied.safetensors"))?;
    let mut ordered = Dict::new().with("z", 1).with("a", 2);
    ordered.set_ordered(true);
    let tree = Dict::new()
        .with("none", Value::None)
        .with("bools", vec![true, false])
        .with("ints", vec![0i64, 255, 256, -1, 1 << 31, -(1 << 40)])
        .with("seed", u64::MAX)
        .with("floats", vec![0.1, f64::INFINITY, -0.0])
        .with("text", "'ß\n键\0'")
        .with("bytes", Value::Bytes(vec![0, 127, 128, 255]))
        .with("tuple", Value::Tuple(vec![1.into(), "x".into()]))
        .with("set", Value::Set(vec![3.into()]))
        .with("size", Value::Size(vec![2, 3]))
        .with("dtype", Value::DType("float16".into()))
        .with("device", Value::Device("cpu".into()))
        .with("ordered", ordered)
        .with(
            "parameter",
            Value::Parameter {
                data: tensor![1., 2.],
                requires_grad: true,
            },
        );
    save(tree, folder.join("tree.pth"))?;
    let net = net()?;
    save(net.state_dict(), folder.join("net.pth"))?;
    Ok(())
}

/// Reads what the Python side has written, and checks it.
fn read(folder: &Path) -> Result<()> {
    let expected = tensors()?;
    for file in [
        "tensors.pth",
        "legacy.pth",
        "tensors.safetensors",
        "tensors.npz",
        "deflated.npz",
    ] {
        let got = load(folder.join(file))?;
        let is_numpy = file.ends_with("npz");
        let got = got.as_dict()?;
        assert_eq!(got.len(), expected.len() - is_numpy as usize, "{file}");
        for (name, value) in got.iter() {
            let expected = expected
                .get(name.as_str()?)
                .expect("a name that was written");
            let same = content(value)? == content(expected)?;
            assert!(same, "{file}: {name} is {value}");
        }
    }
    let fortran = load(folder.join("fortran.npy"))?;
    assert_eq!(
        fortran.as_tensor()?.to_vec::<f64>()?,
        [0., 1., 2., 3., 4., 5.]
    );
    assert_eq!(fortran.as_tensor()?.shape(), [2, 3]);
    let big = load(folder.join("big_endian.npy"))?;
    assert_eq!(big.as_tensor()?.to_vec::<i32>()?, [1, -2, 70000]);
    let tied = load_state_dict(folder.join("save_model.safetensors"))?;
    assert!(tied["0.weight"].shares_memory_with(&tied["1.weight"]));
    read_foreign(folder)?;
    println!("read: every file has the values that were written");
    Ok(())
}

/// Dtype, shape and bytes.
fn content(value: &Value) -> Result<(String, Vec<usize>, Vec<u8>)> {
    Ok(match value {
        Value::Unsigned(tensor) => {
            let bytes = tensor.to_vec()?.into_iter().flat_map(u64::to_le_bytes);
            (
                tensor.dtype().to_string(),
                tensor.shape().to_vec(),
                bytes.collect(),
            )
        }
        other => {
            let tensor = other.as_tensor()?;
            let dtype = tensor.dtype().to_string();
            (dtype, tensor.shape().to_vec(), tensor.to_le_bytes())
        }
    })
}

/// A checkpoint with objects of Python in it, a whole module, a TorchScript archive, and a
/// checkpoint in several files: all of one model.
fn read_foreign(folder: &Path) -> Result<()> {
    let plain = load_state_dict(folder.join("plain.pth"))?;
    let loader = Loader::new().opaque_objects(true);
    let run = loader.load(folder.join("foreign.pth"))?;
    assert_eq!(run.at("args/lr")?.as_float()?, 0.5);
    assert_eq!(run.at("losses/train/0")?.as_float()?, 1.0);
    assert_eq!(run.get("best")?.as_float()?, 0.75);
    assert_eq!(run.get("curve")?.as_tensor()?.to_vec::<i32>()?, [0, 1, 2]);
    assert_eq!(run.at("seeds/1")?.as_unsigned()?.shape(), [624]);
    assert_eq!(run.get("when")?.as_opaque()?.class(), "datetime.date");
    for state in [
        run.get("model")?.state_dict()?,
        loader.load_state_dict(folder.join("module.pth"))?,
        loader.load_state_dict(folder.join("script.pt"))?,
        load_state_dict(folder.join("model.safetensors.index.json"))?,
    ] {
        assert!(state.keys().eq(plain.keys()), "{state:?}");
        for (name, tensor) in state.iter() {
            assert_eq!(tensor.to_le_bytes(), plain[name].to_le_bytes(), "{name}");
        }
    }
    Ok(())
}

fn net() -> Result<Sequential> {
    Ok(Sequential::new()
        .append(Conv2d::new(1, 4, 3))
        .append(BatchNorm2d::new(4))
        .append(ReLU::new())
        .append(Flatten::new())
        .append(Linear::new(4 * 4 * 4, 3)))
}

/// Goes on with a training run, and prints the loss of each step.
fn train(from: &str, to: &str, steps: usize) -> Result<()> {
    let checkpoint = load(from)?;
    let net = net()?;
    net.load_state_dict(&checkpoint.get("model_state")?.state_dict()?, true)?;
    let mut optimizer = SGD::builder(net.parameters()).lr(1.0).build()?;
    optimizer.load_state_dict(&checkpoint.get("optimizer")?.optimizer_state()?)?;
    let (x, y) = (
        checkpoint.get("x")?.as_tensor()?,
        checkpoint.get("y")?.as_tensor()?,
    );
    for _ in 0..steps {
        optimizer.zero_grad();
        let loss = CrossEntropyLoss::new().call(&net.call(x)?, y)?;
        loss.backward()?;
        optimizer.step()?;
        println!("{}", loss.item()?);
    }
    let epoch = checkpoint.get("epoch")?.as_usize()? + steps;
    let checkpoint = Dict::new()
        .with("epoch", epoch)
        .with("model_state", net.state_dict())
        .with("optimizer", optimizer.state_dict())
        .with("x", x)
        .with("y", y);
    save(checkpoint, to)?;
    Ok(())
}
