//! State dicts: what loading accepts, changes and says; files.

use pleach::prelude::{
    Buffer, DType, Module, Parameter, Result, Sequential, StateDict, Tensor, sequential, tensor,
};
use pleach::{load_state_dict, save};
use serde_json::Value;

use crate::layers::*;

fn mlp() -> Sequential {
    sequential![Lin::new(4, 3), Relu::new(), Lin::new(3, 1)]
}

/// A state dict like a plain copy in Python: without versions.
fn plain(net: &dyn Module) -> StateDict {
    let mut dict = net.state_dict();
    dict.set_versions(None);
    dict
}

/// The result of loading, the error's text, and the names whose values changed.
fn load(net: &dyn Module, dict: &StateDict, strict: bool) -> (Value, Value, Vec<String>) {
    let before: Vec<Vec<f64>> = net.state_dict().values().map(Tensor::to_vec_f64).collect();
    let (result, error) = match net.load_state_dict(dict, strict) {
        Ok(keys) => (Value::from(keys.to_string()), Value::Null),
        Err(e) => (Value::Null, Value::from(format!("RuntimeError: {e}"))),
    };
    let after = net.state_dict();
    let changed = after
        .iter()
        .zip(before)
        .filter(|((_, t), old)| t.to_vec_f64() != *old);
    let changed = changed.map(|((name, _), _)| name.to_string()).collect();
    (result, error, changed)
}

fn check(id: &str, net: &dyn Module, dict: &StateDict) {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/modules/load.json"
    );
    let file: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let case = file["cases"].as_array().unwrap();
    let case = case.iter().find(|c| c["id"] == id).unwrap();
    let (result, error, changed) = load(net, dict, case["strict"].as_bool().unwrap());
    assert_eq!(result, case["result"], "{id}");
    assert_eq!(error, case["error"], "{id}");
    assert_eq!(Value::from(changed), case["changed_entries"], "{id}");
}

/// Loads a changed state dict, and compares with PyTorch.
fn check_change(id: &str, net: &dyn Module, change: impl FnOnce(&mut StateDict)) {
    let mut dict = plain(net);
    change(&mut dict);
    check(id, net, &dict);
}

fn rename(dict: &mut StateDict) {
    let bias = dict.remove("0.bias").unwrap();
    dict.insert("renamed.x", bias);
}

fn map(dict: &StateDict, f: impl Fn(&str, &Tensor) -> (String, Tensor)) -> StateDict {
    dict.iter().map(|(name, t)| f(name, t)).collect()
}

#[test]
fn loading_reports_and_changes_what_pytorch_does() {
    check_change("ok", &mlp(), |_| {});
    check_change("ok_values", &mlp(), |d| {
        *d = map(d, |n, t| (n.to_string(), t + 1.0));
    });
    check_change("missing_one", &mlp(), |d| drop(d.remove("0.bias")));
    check_change("missing_two", &mlp(), |d| {
        d.remove("0.bias");
        d.remove("2.weight");
    });
    check_change("unexpected_one", &mlp(), |d| {
        drop(d.insert("extra", Tensor::zeros([1])))
    });
    check_change("unexpected_two", &mlp(), |d| {
        d.insert("fc.weight", Tensor::zeros([1]));
        d.insert("a", Tensor::zeros([2]));
    });
    check_change("missing_and_unexpected", &mlp(), rename);
    check_change("size", &mlp(), |d| {
        drop(d.insert("2.weight", Tensor::zeros([2, 2])))
    });
    check_change("size_two", &mlp(), |d| {
        d.insert("2.weight", Tensor::zeros([7]));
        d.insert("0.bias", Tensor::zeros([1, 1]));
    });
    check_change("all_three", &mlp(), |d| {
        d.insert("2.weight", Tensor::zeros([2, 2]));
        d.remove("0.bias");
        d.insert("zzz", Tensor::zeros([1]));
    });
    check_change("order_irrelevant", &mlp(), |d| {
        *d = d
            .iter()
            .rev()
            .map(|(n, t)| (n.to_string(), t.clone()))
            .collect();
    });
    check_change("module_prefix", &mlp(), |d| {
        *d = map(d, |n, t| (format!("module.{n}"), t.clone()));
    });
    check_change("custom_class", &SimNet::new(), |d| {
        drop(d.remove("l3.0.bias"))
    });
}

#[test]
fn not_strict_forgives_names_but_no_shapes() {
    check_change("missing_nonstrict", &mlp(), |d| drop(d.remove("0.bias")));
    check_change("unexpected_nonstrict", &mlp(), |d| {
        d.insert("extra", Tensor::zeros([1]));
    });
    check_change("both_nonstrict", &mlp(), rename);
    check_change("size_nonstrict", &mlp(), |d| {
        d.insert("2.weight", Tensor::zeros([2, 2]));
        let bias = &d["0.bias"] + 1.0;
        d.insert("0.bias", bias);
    });
}

#[test]
fn loading_converts_to_the_dtype_that_is_there() -> Result<()> {
    let net = mlp();
    let held = net.parameters();
    check_change("dtype_cast", &net, |d| {
        *d = map(d, |n, t| (n.to_string(), &t.double().unwrap() + 1.0));
    });
    assert_eq!(held[0].dtype(), DType::F32);
    assert_eq!(held[1].data().to_vec::<f32>()?, [1.0; 3]);
    assert!(held[0].requires_grad());
    // Ones and zeros are exact in f16; PyTorch's random values are not, so no golden case here.
    let half = map(&plain(&net), |n, t| {
        (n.to_string(), t.to_dtype(DType::F16).unwrap())
    });
    assert_eq!(
        net.load_state_dict(&half, true)?.to_string(),
        "<All keys matched successfully>"
    );
    assert_eq!(held[0].dtype(), DType::F32);
    Ok(())
}

#[test]
fn one_element_may_stand_for_a_scalar_but_not_the_other_way_round() {
    check_change("one_for_scalar", &Norm::new(2), |d| {
        d.insert("num_batches_tracked", tensor![5]);
    });
    #[derive(Module)]
    #[module(name = "PReLU")]
    struct Slope {
        weight: Parameter,
    }
    let net = Slope {
        weight: Parameter::new(tensor![0.25]),
    };
    check_change("scalar_for_1", &net, |d| {
        d.insert("weight", tensor![0.5].reshape(()).unwrap());
    });
    assert_eq!(net.weight.numel(), 1);
}

#[test]
fn a_missing_batch_count_is_forgiven_to_old_files_only() {
    check_change("bn_missing_nbt_no_metadata", &renamed_norm(), |d| {
        d.remove("num_batches_tracked");
    });
    let net = renamed_norm();
    let mut dict = net.state_dict();
    dict.remove("num_batches_tracked");
    check("bn_missing_nbt", &net, &dict);
}

/// The golden case is a `BatchNorm2d`.
fn renamed_norm() -> impl Module {
    #[derive(Module)]
    #[module(name = "BatchNorm2d", version = 2)]
    struct Norm2d {
        weight: Parameter,
        bias: Parameter,
        running_mean: Buffer,
        running_var: Buffer,
        num_batches_tracked: Buffer,
    }
    let norm = Norm::new(2);
    Norm2d {
        weight: norm.weight,
        bias: norm.bias,
        running_mean: norm.running_mean,
        running_var: norm.running_var,
        num_batches_tracked: norm.num_batches_tracked,
    }
}

#[test]
fn a_shared_layer_needs_every_name_and_the_last_wins() -> Result<()> {
    let l = Lin::without_bias(1, 1);
    let net = sequential![l.share(), l.share()];
    check_change("shared_one_missing", &net, |d| drop(d.remove("1.weight")));
    check_change("shared_both_differ", &net, |d| {
        d.insert("0.weight", tensor![[5.0]]);
        d.insert("1.weight", tensor![[6.0]]);
    });
    assert_eq!(l.weight.data().item()?, 6.0);
    Ok(())
}

#[test]
fn keys_below_something_that_is_no_child_are_unexpected() {
    let net = Own::new();
    let mut dict = plain(&net);
    for key in [
        "tmp",
        "none_par",
        "none_mod.0.weight",
        "down.x",
        "child2",
        "child2.weight.x",
    ] {
        dict.insert(key, Tensor::zeros([1]));
    }
    let keys = net.load_state_dict(&dict, false).unwrap();
    // Each module's own come first: PyTorch asks module by module.
    assert_eq!(
        keys.unexpected_keys,
        [
            "tmp",
            "none_par",
            "none_mod.0.weight",
            "down.x",
            "child2",
            "child2.weight.x"
        ]
    );
    let mut dict = plain(&net);
    dict.insert("child2.x", Tensor::zeros([1]));
    dict.insert("zzz", Tensor::zeros([1]));
    let keys = net.load_state_dict(&dict, false).unwrap();
    assert_eq!(keys.unexpected_keys, ["zzz", "child2.x"]);
}

#[test]
fn a_state_dict_is_a_snapshot_without_history() -> Result<()> {
    let net = mlp();
    let dict = net.state_dict();
    assert!(!dict["0.weight"].requires_grad());
    assert!(dict["0.weight"].shares_memory_with(&net.parameters()[0].data()));
    net.parameters()[0].data().fill_(9.0)?;
    assert_eq!(dict["0.weight"].to_vec::<f32>()?, [1.0; 12]);
    net.load_state_dict(&dict, true)?;
    assert_eq!(net.parameters()[0].data().to_vec::<f32>()?, [1.0; 12]);
    let x = tensor![1.0].requires_grad_(true)?;
    let mut dict = StateDict::new();
    dict.insert("x", &x * 2.0);
    assert!(!dict["x"].requires_grad());
    Ok(())
}

#[test]
fn a_loaded_value_is_row_major_and_its_own() -> Result<()> {
    let net = Lin::without_bias(2, 2);
    let source = tensor![[1., 2.], [3., 4.]];
    let mut dict = StateDict::new();
    dict.insert("weight", source.transpose(0, 1)?);
    net.load_state_dict(&dict, true)?;
    assert!(net.weight.data().is_contiguous());
    assert_eq!(net.weight.data().to_vec::<f32>()?, [1., 3., 2., 4.]);
    net.weight.data().fill_(0.0)?;
    assert_eq!(dict["weight"].to_vec::<f32>()?, [1., 3., 2., 4.]);
    Ok(())
}

struct Folder(std::path::PathBuf);
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

#[test]
fn a_model_survives_a_safetensors_file() -> Result<()> {
    let folder = Folder::new("model");
    let path = folder.0.join("net.safetensors");
    let net = SharedAcrossParents::new();
    net.parameters()[0].data().fill_(4.0)?;
    save(net.state_dict(), &path)?;
    let fresh = SharedAcrossParents::new();
    let dict = load_state_dict(&path)?;
    // The file's order is by alignment, then the model's.
    let state = net.state_dict();
    let counter = "right.0.num_batches_tracked";
    let others = state.keys().filter(|name| *name != counter);
    assert!(dict.keys().eq([counter].into_iter().chain(others)));
    assert_eq!(dict.len(), 11);
    let keys = fresh.load_state_dict(&dict, true)?;
    assert_eq!(keys.to_string(), "<All keys matched successfully>");
    assert_eq!(
        fresh
            .get_parameter("right.1.weight")?
            .data()
            .to_vec::<f32>()?,
        [4.0; 4]
    );
    Ok(())
}

#[test]
fn loading_what_fits_reports_the_rest() -> Result<()> {
    let mut saved = sequential![Lin::new(4, 3), Relu::new(), Lin::new(3, 10)].state_dict();
    saved.remove("0.bias");
    saved.insert("old.scale", Tensor::ones([1]));
    saved.insert("0.weight", Tensor::full([3, 4], 7.0));
    let net = mlp();
    let before = net.state_dict();
    let report = net.load_matching(&saved)?;
    assert_eq!(report.loaded, ["0.weight"]);
    assert_eq!(report.missing_keys, ["0.bias"]);
    assert_eq!(report.unexpected_keys, ["old.scale"]);
    let shapes: Vec<_> = report
        .mismatched
        .iter()
        .map(|m| (m.name.as_str(), &m.in_model[..], &m.in_state_dict[..]))
        .collect();
    assert_eq!(
        shapes,
        [
            ("2.weight", &[1, 3][..], &[10, 3][..]),
            ("2.bias", &[1][..], &[10][..])
        ]
    );
    assert_eq!(
        report.to_string(),
        "1 loaded\n1 missing: 0.bias\n1 unexpected: old.scale\n2 of another shape: \
         2.weight: torch.Size([10, 3]) in the state dict, torch.Size([1, 3]) in the model, \
         2.bias: torch.Size([10]) in the state dict, torch.Size([1]) in the model"
    );
    let after = net.state_dict();
    assert_eq!(after["0.weight"].to_vec::<f32>()?, [7.0; 12]);
    for name in ["0.bias", "2.weight", "2.bias"] {
        assert_eq!(
            after[name].to_vec_f64(),
            before[name].to_vec_f64(),
            "{name}"
        );
    }
    Ok(())
}
