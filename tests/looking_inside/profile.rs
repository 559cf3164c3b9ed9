//! A profile has each operation once, and its sums agree.

use std::time::Duration;

use pleach::autograd::profiler::{EventKind, Profile, profile, record};
use pleach::autograd::trace::trace;
use pleach::prelude::*;
use serde_json::Value;

fn net() -> Sequential {
    sequential![
        "conv" => Conv2d::new(3, 8, 3),
        "norm" => BatchNorm2d::new(8),
        "relu" => ReLU::new(),
        "flat" => Flatten::new(),
        "head" => sequential![Linear::new(8 * 6 * 6, 4)],
    ]
}

fn step(net: &Sequential) -> Result<()> {
    let x = Tensor::ones([2, 3, 8, 8]);
    let loss = CrossEntropyLoss::new();
    loss.call(&net.call(&x)?, &Tensor::from_vec(vec![0i64, 3], [2])?)?
        .backward()
}

fn names(profile: &Profile, kind: EventKind) -> Vec<&str> {
    let events = profile.events().iter().filter(|e| e.kind == kind);
    events.map(|e| &*e.name).collect()
}

#[test]
fn each_call_each_operation_and_each_step_of_backward_is_there_once() {
    let net = net();
    let (_, profile) = profile(|| step(&net)).unwrap();
    let modules = names(&profile, EventKind::Module);
    // The ReLU runs with the normalisation.
    let expected = [
        "Sequential",
        "conv (Conv2d)",
        "norm (BatchNorm2d)",
        "flat (Flatten)",
        "head (Sequential)",
        "head.0 (Linear)",
        "CrossEntropyLoss",
    ];
    assert_eq!(modules, expected);
    for name in ["conv2d", "linear", "conv2d_weight"] {
        let found = names(&profile, EventKind::Operation).into_iter();
        assert_eq!(found.filter(|n| *n == name).count(), 1, "{name}");
    }
    for name in ["ConvolutionBackward0", "AddmmBackward0"] {
        let found = names(&profile, EventKind::Backward).into_iter();
        assert_eq!(found.filter(|n| *n == name).count(), 1, "{name}");
    }
    let module = |name: &str| {
        let event = profile.events().iter().find(|e| e.name == name).unwrap();
        event.module.as_ref().map(|m| m.to_string())
    };
    assert_eq!(module("conv2d").as_deref(), Some("conv (Conv2d)"));
    assert_eq!(module("conv2d_weight").as_deref(), Some("conv (Conv2d)"));
    assert_eq!(module("AddmmBackward0").as_deref(), Some("head.0 (Linear)"));
    let conv = profile
        .events()
        .iter()
        .find(|e| e.name == "conv2d")
        .unwrap();
    let shapes: Vec<&[usize]> = conv.shapes.iter().map(|s| &s[..]).collect();
    assert_eq!(shapes, [&[2, 3, 8, 8][..], &[8, 3, 3, 3], &[8]]);
}

#[test]
fn the_operations_are_those_of_a_trace() {
    let net = sequential![
        Conv2d::new(3, 8, 3),
        ReLU6::new(),
        Flatten::new(),
        Linear::new(288, 4)
    ];
    let (_, graph) = trace(|| step(&net)).unwrap();
    let traced: Vec<&str> = graph.operations().iter().map(|o| o.name()).collect();
    let (_, profile) = profile(|| step(&net)).unwrap();
    let timed = names(&profile, EventKind::Operation);
    // A sum of gradients may be written over one of its terms when nobody traces.
    let without = |names: Vec<&str>| -> Vec<String> {
        names
            .into_iter()
            .filter(|n| *n != "add")
            .map(str::to_string)
            .collect()
    };
    assert_eq!(without(timed), without(traced));
}

#[test]
fn sums_agree() {
    let net = net();
    let (_, profile) = profile(|| record("all", || step(&net))).unwrap();
    let events = profile.events();
    let all = events.iter().find(|e| e.name == "all").unwrap();
    let table = profile.by_operation();
    // Everything is in one event, so all that operations had for themselves is its time.
    assert_eq!(table.total(), all.duration);
    let memory: i64 = table.rows().iter().map(|row| row.self_memory).sum();
    assert_eq!(memory, all.memory);
    let calls: usize = table.rows().iter().map(|row| row.calls).sum();
    let modules = names(&profile, EventKind::Module).len();
    assert_eq!(calls, events.len() - modules);
    for event in events {
        let Some(parent) = event.parent else { continue };
        let parent = &events[parent];
        assert!(
            parent.start <= event.start,
            "{} in {}",
            event.name,
            parent.name
        );
        assert!(event.start + event.duration <= parent.start + parent.duration);
    }
    let rows = profile.by_module();
    let row = |name: &str| {
        let mut rows = rows.rows().iter();
        rows.find(|r| r.path.is_empty() && r.type_name == name)
            .unwrap()
    };
    let (root, loss) = (row("Sequential"), row("CrossEntropyLoss"));
    // What modules had for themselves is the time of the outermost ones.
    let forward: Duration = rows.rows().iter().map(|r| r.self_forward).sum();
    assert_eq!(forward, root.forward + loss.forward);
    let backward: Duration = rows.rows().iter().map(|r| r.self_backward).sum();
    assert_eq!(backward, root.backward + loss.backward);
    let steps = events.iter().filter(|e| e.kind == EventKind::Backward);
    assert_eq!(backward, steps.map(|e| e.duration).sum());
    assert!(backward > Duration::ZERO);
}

#[test]
fn memory_is_what_stays_allocated() {
    let (kept, profile) = profile(|| {
        let x = Tensor::ones([1000]);
        record("freed", || x.exp().map(drop))?;
        record("kept", || x.exp())
    })
    .unwrap();
    let memory = |name: &str| {
        let mut events = profile.events().iter();
        events.find(|e| e.name == name).unwrap().memory
    };
    assert_eq!(
        (memory("freed"), memory("exp"), memory("kept")),
        (0, 4000, 4000)
    );
    assert_eq!(kept.numel(), 1000);
}

#[test]
fn a_chrome_trace_is_json_with_all_events() {
    let net = net();
    let name = "a \"quoted\"\\ name\n";
    let (_, profile) = profile(|| record(name, || step(&net))).unwrap();
    let json: Value = serde_json::from_str(&profile.chrome_trace()).unwrap();
    let events = json["traceEvents"].as_array().unwrap();
    assert_eq!(events.len(), profile.events().len());
    assert_eq!(events[0]["name"], name);
    for (event, of) in events.iter().zip(profile.events()) {
        assert_eq!(event["ph"], "X");
        assert_eq!(event["name"], *of.name);
        let micros = event["dur"].as_f64().unwrap();
        assert!((micros - of.duration.as_secs_f64() * 1e6).abs() < 0.01);
    }
    let conv = events.iter().find(|e| e["name"] == "conv2d").unwrap();
    assert_eq!(conv["args"]["module"], "conv (Conv2d)");
    assert_eq!(conv["args"]["shapes"][0], serde_json::json!([2, 3, 8, 8]));
}

#[test]
fn packed_layers_appear_in_inference() {
    let net = sequential![
        Conv2d::new(3, 8, 3),
        ReLU::new(),
        Flatten::new(),
        Linear::new(288, 64)
    ];
    let x = Tensor::ones([32, 3, 8, 8]);
    let run = || no_grad(|| net.call(&x));
    let (y, profile) = profile(run).unwrap();
    let operations = names(&profile, EventKind::Operation);
    let work = operations
        .iter()
        .filter(|n| **n == "conv2d" || **n == "linear")
        .count();
    assert_eq!(work, 2, "{operations:?}");
    // The profile changes nothing.
    assert_eq!(
        y.to_vec::<f32>().unwrap(),
        run().unwrap().to_vec::<f32>().unwrap()
    );
}

#[test]
fn tables_have_the_columns_of_pytorch() {
    let net = net();
    let (_, profile) = profile(|| step(&net)).unwrap();
    let text = profile.to_string();
    let titles: Vec<&str> = text
        .lines()
        .nth(1)
        .unwrap()
        .split("  ")
        .filter(|t| !t.is_empty())
        .collect();
    let titles: Vec<&str> = titles.into_iter().map(str::trim).collect();
    let expected = [
        "Name",
        "Self CPU %",
        "Self CPU",
        "CPU total %",
        "CPU total",
        "CPU time avg",
        "CPU Mem",
        "Self CPU Mem",
        "# of Calls",
    ];
    assert_eq!(titles, expected);
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with("Self CPU time total: ")
    );
    let modules = profile.by_module().to_string();
    assert!(
        modules
            .lines()
            .any(|line| line.starts_with("head.0 (Linear) ")),
        "{modules}"
    );
    let table = profile.by_module().depth(1);
    let paths: Vec<&str> = table.rows().iter().map(|row| &*row.path).collect();
    assert_eq!(paths, ["", "conv", "norm", "flat", "head", ""]);
}

#[test]
fn nothing_is_noted_outside() {
    let (_, inner) = profile(|| Tensor::ones([2]).exp()).unwrap();
    let (_, outer) = profile(|| {
        let (_, inner) = profile(|| Tensor::ones([2]).exp())?;
        assert_eq!(inner.events().len(), 1);
        Tensor::ones([2]).sum()
    })
    .unwrap();
    Tensor::ones([2]).exp().unwrap();
    assert_eq!(inner.events().len(), 1);
    assert_eq!(names(&outer, EventKind::Operation), ["sum"]);
}
