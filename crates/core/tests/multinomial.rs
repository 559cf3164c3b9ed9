//! Every draw and error of `multinomial.json`, which tests/interop/multinomial.py made with PyTorch.

use pleach_core::{DType, Generator, Result, Tensor, manual_seed, tensor};
use serde_json::Value as Json;

fn count(json: &Json) -> usize {
    json.as_u64().expect("a count") as usize
}

fn flag(json: &Json) -> bool {
    json.as_bool().expect("a flag")
}

fn file() -> Json {
    serde_json::from_str(include_str!("multinomial.json")).expect("JSON")
}

#[test]
fn positions_and_the_next_number_are_pytorchs() -> Result<()> {
    let file = file();
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() > 150, "only {} cases", cases.len());
    for case in cases {
        println!("{case}");
        manual_seed(count(&case["seed"]));
        let shape: Vec<usize> = case["shape"]
            .as_array()
            .expect("sizes")
            .iter()
            .map(count)
            .collect();
        let dtype = match case["dtype"].as_str() {
            Some("float32") => DType::F32,
            Some("float64") => DType::F64,
            Some("float16") => DType::F16,
            Some("bfloat16") => DType::BF16,
            other => panic!("the dtype {other:?}"),
        };
        let mut weights = Tensor::rand_of(&shape[..], dtype)?;
        if flag(&case["zeros"]) {
            weights = weights.masked_fill(&weights.lt(0.25)?, 0.0)?;
        }
        if flag(&case["transposed"]) {
            weights = weights.t()?;
        }
        let num_samples = count(&case["num_samples"]);
        let drawn = weights.multinomial(num_samples, flag(&case["replacement"]))?;
        let rows = &weights.shape()[..weights.rank() - 1];
        assert_eq!(drawn.shape(), [rows, &[num_samples]].concat());
        assert_eq!(serde_json::json!(drawn.to_vec::<i64>()?), case["out"]);
        let mut next = [0i64];
        Generator::current().fill_random_range(&mut next, 0, 1 << 27);
        assert_eq!(Some(next[0]), case["next"].as_i64());
    }
    Ok(())
}

/// The calls of the file, by their Python text.
fn call(code: &str) -> Result<Tensor> {
    let end = code.strip_prefix("torch.multinomial(").expect("a call");
    let end = end.strip_suffix(')').expect("a call");
    let (weights, rest) = match end.rfind("), ") {
        Some(at) => (&end[..=at], &end[at + 3..]),
        None => panic!("{code}"),
    };
    let (num_samples, replacement) = rest.split_once(", ").unwrap_or((rest, "False"));
    let weights = match weights {
        "torch.tensor(1.0)" => Tensor::scalar(1.0),
        "torch.ones(1, 1, 1)" => Tensor::ones([1, 1, 1]),
        "torch.tensor([1, 2])" => tensor![1, 2],
        "torch.ones(3)" => Tensor::ones([3]),
        "torch.zeros(3)" => Tensor::zeros([3]),
        "torch.ones(0)" => Tensor::ones([0]),
        "torch.tensor([[1.0, 2.0], [0.0, 0.0]])" => tensor![[1.0, 2.0], [0.0, 0.0]],
        "torch.tensor([1.0, -1.0])" => tensor![1.0, -1.0],
        "torch.tensor([1.0, torch.inf])" => tensor![1.0, f32::INFINITY],
        "torch.tensor([1.0, torch.nan])" => tensor![1.0, f32::NAN],
        other => panic!("the weights {other}"),
    };
    weights.multinomial(num_samples.parse().expect("a count"), replacement == "True")
}

#[test]
fn what_cannot_be_drawn_is_pytorchs_error() {
    let file = file();
    for case in file["errors"].as_array().expect("errors") {
        let text = call(case["code"].as_str().expect("code")).map(drop);
        let text = text.map_err(|e| e.to_string()).err();
        assert_eq!(text.as_deref(), case["error"].as_str(), "{}", case["code"]);
    }
}

#[test]
fn no_rows_give_no_positions() -> Result<()> {
    for replacement in [true, false] {
        let drawn = Tensor::zeros([0, 4]).multinomial(3, replacement)?;
        assert_eq!((drawn.shape(), drawn.dtype()), (&[0, 3][..], DType::I64));
    }
    Ok(())
}
