//! Files that PyTorch, NumPy and safetensors wrote (`data/make.py`), against what Python says they
//! hold (`data/expected.json`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use pleach_checkpoint::{Format, Loader, Value, load, to_bytes};
use pleach_core::Result;
use serde_json::Value as Json;

fn path(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data")).join(file)
}

fn refused(file: &str) -> String {
    load(path(file)).expect_err(file).to_string()
}

fn opaque(file: &str) -> Value {
    let loader = Loader::new().opaque_objects(true);
    loader.load(path(file)).unwrap_or_else(|e| panic!("{e}"))
}

/// A number that JSON holds, or one that it cannot, as a text.
fn float(json: &Json) -> f64 {
    match json {
        Json::String(text) => text.parse().expect("a number"),
        Json::Bool(value) => f64::from(u8::from(*value)),
        other => other.as_f64().expect("a number"),
    }
}

/// The dtype, shape and values of a tensor of any type.
fn check_tensor(value: &Value, expected: &Json, what: &str) -> Result<()> {
    let shape: Vec<u64> = value_shape(value)?;
    let (dtype, same) = match value {
        Value::Unsigned(tensor) => {
            let values: Option<Vec<u64>> = list(&expected["values"]).map(Json::as_u64).collect();
            (tensor.dtype().to_string(), Some(tensor.to_vec()?) == values)
        }
        other => {
            let tensor = other.as_tensor()?.detach();
            let dtype = tensor.dtype().to_string().replace("torch.", "");
            let same = match dtype.as_str() {
                "int64" => {
                    let values: Option<Vec<i64>> =
                        list(&expected["values"]).map(Json::as_i64).collect();
                    Some(tensor.to_vec::<i64>()?) == values
                }
                _ => {
                    let values: Vec<f64> = list(&expected["values"]).map(float).collect();
                    tensor.to_vec_f64() == values
                }
            };
            (dtype, same)
        }
    };
    assert_eq!(Some(dtype.as_str()), expected["dtype"].as_str(), "{what}");
    let expected_shape: Option<Vec<u64>> = list(&expected["shape"]).map(Json::as_u64).collect();
    assert_eq!(Some(shape), expected_shape, "{what}");
    assert!(same, "{what}: {value:?}");
    Ok(())
}

fn value_shape(value: &Value) -> Result<Vec<u64>> {
    let shape = match value {
        Value::Unsigned(tensor) => tensor.shape(),
        other => other.as_tensor()?.shape(),
    };
    Ok(shape.iter().map(|&n| n as u64).collect())
}

fn list(json: &Json) -> std::slice::Iter<'_, Json> {
    json.as_array().expect("a list").iter()
}

#[test]
fn every_entry_is_what_python_says_it_is() -> Result<()> {
    let text = std::fs::read_to_string(path("expected.json")).unwrap();
    let cases: Vec<Json> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 600);
    let mut loaded: BTreeMap<(String, bool), Value> = BTreeMap::new();
    for case in &cases {
        let file = case["file"].as_str().unwrap();
        let is_opaque = case["opaque"].as_bool().unwrap_or(false);
        let key = (file.to_string(), is_opaque);
        let whole = loaded.entry(key).or_insert_with(|| {
            let loader = Loader::new().opaque_objects(is_opaque);
            let value = match file.ends_with(".pkl") {
                true => loader.load_pickle(&std::fs::read(path(file)).unwrap()),
                false => loader.load(path(file)),
            };
            value.unwrap_or_else(|e| panic!("{e}"))
        });
        let at = case["at"].as_str().unwrap();
        let what = format!("{file}: {at}");
        let value = whole.at(at).unwrap_or_else(|e| panic!("{what}: {e}"));
        if let Some(repr) = case["repr"].as_str() {
            assert_eq!(format!("{value:?}"), repr, "{what}");
        } else if let Some(entries) = case["state"].as_array() {
            let state = value.state_dict().unwrap_or_else(|e| panic!("{what}: {e}"));
            let names: Vec<&str> = state.keys().collect();
            let expected: Vec<&str> = entries.iter().map(|e| e[0].as_str().unwrap()).collect();
            assert_eq!(names, expected, "{what}");
            for entry in entries {
                let tensor = &state[entry[0].as_str().unwrap()];
                let values: Vec<f64> = list(&entry[2]).map(float).collect();
                assert_eq!(tensor.to_vec_f64(), values, "{what}: {}", entry[0]);
                let shape: Vec<u64> = tensor.shape().iter().map(|&n| n as u64).collect();
                let expected: Option<Vec<u64>> = list(&entry[1]).map(Json::as_u64).collect();
                assert_eq!(Some(shape), expected, "{what}");
            }
        } else {
            check_tensor(value, case, &what)?;
        }
    }
    Ok(())
}

#[test]
fn arrays_that_are_one_object_share_memory() -> Result<()> {
    let arrays = load(path("numpy2.pth"))?;
    let get = |name: &str| -> Result<pleach_core::Tensor> {
        Ok(arrays.get("arrays")?.get(name)?.as_tensor()?.clone())
    };
    assert!(get("same")?.shares_memory_with(&get("fortran")?));
    assert_eq!(get("fortran")?.strides(), [1, 2]);
    Ok(())
}

#[test]
fn arrays_without_an_equal_are_named_with_their_entry() {
    for (file, what) in [
        ("numpy_complex.pth", "a NumPy array of type 'c16'"),
        ("numpy_records.pth", "a NumPy array of records"),
        ("numpy_objects.pth", "a NumPy array of Python objects"),
        ("numpy_dates.pth", "a NumPy array of type 'M8'"),
        ("numpy_texts.pth", "a NumPy array of type 'U2'"),
        ("numpy_date.pth", "a NumPy array of type 'M8'"),
        ("numpy_longdouble.pth", "a NumPy array of type 'f16'"),
        ("numpy_complex_scalar.pth", "a NumPy array of type 'c8'"),
    ] {
        let error = refused(file);
        let place = "archive/data.pkl, entry 'x/y/0'".replace("archive", &file[..file.len() - 4]);
        assert!(error.contains(&place) && error.contains(what), "{error}");
        let value = opaque(file);
        let array = value.at("x/y/0").unwrap().as_opaque().unwrap();
        assert_eq!(array.class(), "numpy.ndarray");
        assert!(array.attribute("is").unwrap().as_str().unwrap() == what);
        assert_eq!(value.get("ok").unwrap().as_int().unwrap(), 1);
    }
}

#[test]
fn tensors_without_an_equal_are_named_with_dtype_and_entry() {
    for (file, dtype) in [
        ("float8_e4m3fn.pth", "torch.float8_e4m3fn"),
        ("complex64.pth", "torch.complex64"),
        ("float8_e4m3fn_legacy.pth", "torch.float8_e4m3fn"),
        ("complex64_legacy.pth", "torch.complex64"),
    ] {
        let error = refused(file);
        let what = format!("entry 'm/w': a tensor of {dtype} has no equal here");
        assert!(error.contains(&what), "{error}");
    }
    let error = refused("float8.safetensors");
    assert!(
        error.contains("tensor 'w': a tensor of type F8_E4M3"),
        "{error}"
    );
    for (file, entry, what) in [
        ("quantized.pth", "q", "a quantized tensor"),
        ("sparse.pth", "s", "a sparse tensor"),
    ] {
        let error = refused(file);
        let place = format!("entry '{entry}");
        assert!(error.contains(&place) && error.contains(what), "{error}");
        assert!(opaque(file).get(entry).unwrap().as_opaque().is_ok());
    }
}

#[test]
fn unknown_classes_are_refused_by_name_and_the_error_names_the_option() {
    for (file, class) in [
        ("alone_args.pth", "argparse.Namespace"),
        ("alone_path.pth", "pathlib.PurePosixPath"),
        ("alone_date.pth", "datetime.date"),
        ("alone_factory.pth", "collections.defaultdict"),
        ("alone_enum.pth", "__main__.Color"),
        ("alone_config.pth", "__main__.Config"),
        ("alone_function.pth", "torch.nn.functional.relu"),
        ("alone_builtin.pth", "builtins.len"),
        ("alone_partial.pth", "functools.partial"),
        ("alone_numpy_generator.pth", "numpy.random._pickle."),
        ("alone_scheduler.pth", "torch.optim.lr_scheduler.StepLR"),
        ("alone_optimizer.pth", "torch.optim.sgd.SGD"),
        ("alone_deque.pth", "collections.deque"),
        ("module.pth", "__main__.Net"),
        ("script.pt", "__torch__.Net"),
    ] {
        let error = refused(file);
        assert!(error.contains(&format!("`{class}")), "{error}");
        assert!(
            error.contains("`Loader::new().opaque_objects(true)`"),
            "{error}"
        );
        assert!(error.contains("data.pkl, byte "), "{error}");
        if file.starts_with("alone") {
            let value = opaque(file);
            assert_eq!(value.get("model").unwrap().state_dict().unwrap().len(), 2);
            let found = value.get("x").unwrap().as_opaque().unwrap();
            assert!(found.class().starts_with(class), "{}", found.class());
        }
    }
    assert!(refused("script.pt").contains("save its state_dict() instead"));
}

#[test]
fn opaque_objects_are_never_written() {
    let error = to_bytes(opaque("alone_args.pth"), Format::Torch).unwrap_err();
    assert!(
        error.to_string().contains("`argparse.Namespace`"),
        "{error}"
    );
    // What was taken out of them is.
    let value = opaque("alone_args.pth");
    let model = value.get("model").unwrap().clone();
    assert!(to_bytes(model, Format::Torch).is_ok());
}

#[test]
fn objects_that_know_each_other_are_cut() {
    let value = opaque("foreign2.pth");
    let parent = value.at("tree/content/b/parent").unwrap();
    assert!(parent.as_opaque().unwrap().is_cycle());
    // Whatever is in the file, showing it is quick and short.
    let text = value.to_string();
    assert!(
        text.lines().count() <= 260 && text.len() < 40_000,
        "{}",
        text.len()
    );
    assert!(
        text.contains("├─ args: <argparse.Namespace lr=0.5 layers=[1, 2] name='x'>"),
        "{text}"
    );
}

#[test]
fn unsigned_integers_are_written_as_they_were_read() -> Result<()> {
    for (file, format) in [
        ("unsigned.pth", Format::Torch),
        ("unsigned.safetensors", Format::Safetensors),
        ("unsigned.npz", Format::Npz),
        ("unsigned.npy", Format::Npy),
    ] {
        let value = load(path(file))?;
        let back = Loader::new().load_bytes(&to_bytes(value.clone(), format)?)?;
        let all = |value: &Value| -> Result<Vec<(String, String, Vec<u64>)>> {
            let one = |name: &str, value: &Value| -> Result<(String, String, Vec<u64>)> {
                let tensor = value.as_unsigned()?;
                Ok((name.to_string(), format!("{tensor:?}"), tensor.to_vec()?))
            };
            let mut out = match value {
                Value::Dict(dict) => {
                    let entries = dict.iter().map(|(k, v)| one(k.as_str()?, v));
                    entries.collect::<Result<Vec<_>>>()?
                }
                other => vec![one("", other)?],
            };
            out.sort();
            Ok(out)
        };
        assert_eq!(all(&back)?, all(&value)?, "{file}");
    }
    // A state dict widens them, and says what it cannot.
    let value = load(path("unsigned.pth"))?;
    let error = value.state_dict().unwrap_err().to_string();
    assert_eq!(
        error,
        "'u64': 9223372036854775808 of a tensor of torch.uint64 is too large for int64"
    );
    let u32s = value.get("u32")?.as_unsigned()?.to_tensor()?;
    assert_eq!(u32s.to_vec::<i64>()?, [0, (1 << 32) - 1]);
    Ok(())
}
