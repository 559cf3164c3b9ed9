//! The Rust side of `tests/interop/checkpoints.py`, which runs it:
//! `interop write FOLDER`, `interop read FOLDER`, `interop train FROM TO STEPS`,
//! `interop copy FROM TO`.

use std::path::Path;

use pleach_checkpoint::{Dict, Value, load, load_state_dict, save};
use pleach_core::{DType, Result, Tensor, tensor};
use pleach_nn::layers::{BatchNorm2d, Conv2d, Flatten, Linear, ReLU};
use pleach_nn::losses::{CrossEntropyLoss, Loss};
use pleach_nn::{Forward, Module, Sequential, StateDict};
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
fn tensors() -> Result<StateDict> {
    let mut out = StateDict::new();
    for dtype in DType::ALL {
        let name = dtype.to_string().replace("torch.", "");
        out.insert(name, tensor![[0., 1.], [1., 3.]].to_dtype(dtype)?);
    }
    out.insert("zero_d", tensor![-7].reshape(())?);
    out.insert("empty", Tensor::zeros([0, 3]));
    out.insert("large", tensor![i64::MAX, i64::MIN]);
    out.insert("special", tensor![f32::NAN, -0.0, f32::INFINITY]);
    out.insert("transposed", tensor![[1., 2.], [3., 4.]].transpose(0, 1)?);
    Ok(out)
}

fn write(folder: &Path) -> Result<()> {
    let all = tensors()?;
    save(&all, folder.join("tensors.pth"))?;
    save(&all, folder.join("tensors.safetensors"))?;
    let mut numpys = all.clone();
    numpys.remove("bfloat16"); // NumPy has none
    save(&numpys, folder.join("tensors.npz"))?;
    for (name, tensor) in numpys.iter() {
        save(tensor, folder.join(format!("{name}.npy")))?;
    }
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
        let got = load_state_dict(folder.join(file))?;
        let is_numpy = file.ends_with("npz");
        assert_eq!(got.len(), expected.len() - is_numpy as usize, "{file}");
        for (name, tensor) in got.iter() {
            let expected = &expected[name];
            let same = (tensor.dtype(), tensor.shape(), tensor.to_le_bytes())
                == (expected.dtype(), expected.shape(), expected.to_le_bytes());
            assert!(same, "{file}: {name} is {tensor}");
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
    println!("read: every file has the values that were written");
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
    let mut optimizer = SGD::new(net.parameters(), 1.0);
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
