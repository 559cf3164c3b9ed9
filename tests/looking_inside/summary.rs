//! Summaries beside torchinfo's: `tests/interop/summary.py` wrote what is expected.

use std::sync::OnceLock;

use pleach::autograd::trace::trace;
use pleach::nn::{Summary, SummaryColumn, summary};
use pleach::prelude::*;
use pleach::vision::models::get_model;
use serde_json::Value;

/// A parameter of its own, a list that is not called, a layer that is never called.
#[derive(Module)]
struct Residual {
    scale: Parameter,
    layers: ModuleList,
    unused: Linear,
}

impl Residual {
    fn new() -> Self {
        Residual {
            scale: Parameter::new(Tensor::ones([6])),
            layers: ModuleList::new()
                .append(Linear::new(6, 6))
                .append(ReLU::new()),
            unused: Linear::new(2, 2),
        }
    }
}

impl Forward for Residual {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let hidden = self.layers[1].call(&self.layers[0].call(x)?)?;
        x.add(&hidden.mul(&self.scale)?)
    }
}

fn shared() -> Sequential {
    let linear = Linear::new(6, 6);
    let again = linear.share();
    let last = Linear::builder(6, 4).bias(false).build().unwrap();
    sequential![
        linear,
        ReLU::new(),
        again,
        sequential![last, Dropout::new(0.5)]
    ]
}

fn partly_frozen() -> Sequential {
    let dropout = Dropout::new(0.25);
    let net = sequential![
        Linear::new(6, 6),
        Residual::new(),
        dropout,
        Linear::new(6, 2)
    ];
    net.get_module("1.layers.0").unwrap().requires_grad_(false);
    let bias = net.get_parameter("3.bias").unwrap();
    bias.set_requires_grad(false).unwrap();
    net
}

fn model(name: &str) -> Box<dyn Forward> {
    match name {
        "shared" => shared().into(),
        "partly_frozen" => partly_frozen().into(),
        name => get_model(name, 1000).unwrap(),
    }
}

fn column(name: &str) -> SummaryColumn {
    match name {
        "input_size" => SummaryColumn::InputSize,
        "output_size" => SummaryColumn::OutputSize,
        "num_params" => SummaryColumn::Parameters,
        "params_percent" => SummaryColumn::ParametersPercent,
        "trainable" => SummaryColumn::Trainable,
        other => panic!("no column {other}"),
    }
}

fn cases() -> Vec<Value> {
    let text = include_str!("expected.json");
    let value: Value = serde_json::from_str(text).unwrap();
    value["cases"].as_array().unwrap().clone()
}

fn strings(value: &Value) -> Vec<&str> {
    let list = value.as_array().unwrap().iter();
    list.map(|v| v.as_str().unwrap()).collect()
}

fn input_of(case: &Value) -> Tensor {
    let sizes = case["input"].as_array().unwrap().iter();
    let sizes: Vec<usize> = sizes.map(|n| n.as_u64().unwrap() as usize).collect();
    Tensor::zeros(&sizes[..])
}

/// Each case, and what is found; made once for all tests.
fn summarised() -> &'static [(Value, Summary)] {
    static FOUND: OnceLock<Vec<(Value, Summary)>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let cases = cases().into_iter().map(|case| {
            let model = model(case["model"].as_str().unwrap());
            let found = summary(&*model, &input_of(&case)).unwrap();
            (case, found)
        });
        cases.collect()
    })
}

#[test]
fn tables_are_those_of_torchinfo() {
    assert_eq!(summarised().len(), 10);
    for (case, found) in summarised() {
        let columns: Vec<SummaryColumn> =
            strings(&case["columns"]).into_iter().map(column).collect();
        let found = found
            .clone()
            .depth(case["depth"].as_u64().unwrap() as usize)
            .columns(&columns)
            .names(case["names"].as_bool().unwrap());
        let text = found.to_string();
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("Total mult-adds"));
        assert_eq!(
            lines.collect::<Vec<_>>(),
            strings(&case["text"]),
            "{}",
            case["model"]
        );
        assert_eq!(
            found.parameters as u64,
            case["parameters"].as_u64().unwrap()
        );
        assert_eq!(found.trainable as u64, case["trainable"].as_u64().unwrap());
    }
}

#[test]
fn multiply_adds_are_those_of_an_independent_count_and_the_published_ones() {
    let mut published = 0;
    for (case, found) in summarised() {
        let rows = found.rows.iter().filter(|row| row.own_multiply_adds > 0);
        // A shared layer is named by its first path.
        let rows: Vec<(&str, u64)> = rows
            .map(|row| (&*row.path, row.own_multiply_adds))
            .collect();
        let counted = case["multiply_adds"].as_array().unwrap().iter();
        let counted: Vec<(&str, u64)> = counted
            .map(|call| (call[0].as_str().unwrap(), call[1].as_u64().unwrap()))
            .collect();
        assert_eq!(rows, counted, "{}", case["model"]);
        let total: u64 = counted.iter().map(|call| call.1).sum();
        assert_eq!(found.multiply_adds, total, "{}", case["model"]);
        if let Some(figure) = case["published"].as_f64() {
            let rounded = format!("{:.3}", found.multiply_adds as f64 / 1e9);
            assert_eq!(rounded.parse(), Ok(figure), "{}", case["model"]);
            published += 1;
        }
    }
    assert_eq!(published, 4);
}

#[test]
fn a_line_says_the_total_with_a_unit() {
    let line = |summary: &Summary| {
        let text = summary.to_string();
        let line = text
            .lines()
            .find(|line| line.starts_with("Total mult-adds"));
        line.unwrap().to_string()
    };
    let of = |name: &str| {
        summarised()
            .iter()
            .find(|(case, _)| case["model"] == name)
            .unwrap()
    };
    assert_eq!(line(&of("resnet18").1), "Total mult-adds (G): 1.81");
    assert_eq!(line(&of("mobilenet_v2").1), "Total mult-adds (M): 300.77");
    assert_eq!(line(&of("shared").1), "Total mult-adds (M): 0.00");
}

/// Draws in evaluation mode too.
#[derive(Module)]
struct Noise {
    node: Node,
}

impl Forward for Noise {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.add(Tensor::randn(x.shape()))
    }
}

#[test]
fn a_summary_leaves_modes_statistics_and_the_generator_alone() {
    let net = sequential![
        BatchNorm2d::new(3),
        sequential![Dropout::new(0.5), BatchNorm2d::new(3)],
        Noise { node: Node::new() },
        BatchNorm2d::new(3)
    ];
    net.train();
    net[1].eval();
    net.get_module("1.0").unwrap().train();
    net[3].freeze();
    let modes = || -> Vec<bool> { net.modules().iter().map(|m| m.is_training()).collect() };
    let statistics = || -> Vec<Vec<f64>> {
        let buffers = net.buffers().into_iter();
        buffers
            .map(|b| b.tensor().double().unwrap().to_vec().unwrap())
            .collect()
    };
    let before = (modes(), statistics());
    assert_eq!(before.0, [true, true, false, true, false, true, false]);
    let found = summary(&net, &Tensor::randn([2, 3, 4, 4])).unwrap();
    assert_eq!(found.rows.len(), 7);
    assert_eq!((modes(), statistics()), before);
    // The frozen one is in training mode underneath, as it was.
    net[3].unfreeze();
    assert!(net[3].is_training());
    // What the model draws is given back.
    let input = Tensor::randn([2, 3, 4, 4]);
    manual_seed(3);
    let next = Tensor::rand([4]).to_vec::<f32>().unwrap();
    manual_seed(3);
    summary(&net, &input).unwrap();
    assert_eq!(Tensor::rand([4]).to_vec::<f32>().unwrap(), next);
    // Nor do they change when the model fails.
    assert!(summary(&net, &Tensor::zeros([2, 4, 4, 4])).is_err());
    assert_eq!((modes(), statistics()).1, before.1);
    assert_eq!(modes()[0..6], before.0[0..6]);
}

#[test]
fn every_kind_of_product_says_its_multiply_adds() {
    let t = |shape: &[usize]| Tensor::zeros(shape.to_vec());
    let count = |f: &dyn Fn() -> Result<Tensor>| -> u64 {
        let (_, graph) = trace(f).unwrap();
        graph.operations().iter().map(|o| o.multiply_adds()).sum()
    };
    let (a, b) = (t(&[2, 3]), t(&[3, 5]));
    assert_eq!(count(&|| a.mm(&b)), 2 * 3 * 5);
    assert_eq!(count(&|| a.matmul(&b)), 2 * 3 * 5);
    assert_eq!(count(&|| a.mv(&t(&[3]))), 2 * 3);
    assert_eq!(count(&|| t(&[7]).dot(&t(&[7]))), 7);
    assert_eq!(count(&|| t(&[4, 2, 3]).bmm(&t(&[4, 3, 5]))), 4 * 2 * 3 * 5);
    assert_eq!(count(&|| t(&[2, 5]).addmm(&a, &b, 1.0, 1.0)), 2 * 3 * 5);
    assert_eq!(
        count(&|| t(&[6, 2, 3]).linear(&t(&[5, 3]), None)),
        6 * 2 * 3 * 5
    );
    assert_eq!(
        count(&|| t(&[8, 1, 2, 3]).matmul(&t(&[4, 3, 5]))),
        8 * 4 * 2 * 3 * 5
    );
    let einsum = || pleach::einsum("bij,bjk->bik", &[&t(&[4, 2, 3]), &t(&[4, 3, 5])]);
    assert_eq!(count(&einsum), 4 * 2 * 3 * 5);
    assert_eq!(count(&|| a.mul(&a)?.sum()?.exp()), 0);
    // Two groups, a stride and a bias; each gradient has as many as the convolution.
    let (x, w) = (t(&[2, 4, 9, 7]), t(&[6, 2, 3, 2]));
    let (x, w) = (
        x.requires_grad_(true).unwrap(),
        w.requires_grad_(true).unwrap(),
    );
    let convolve = || {
        functional::conv2d(
            &x,
            &w,
            Some(&t(&[6])),
            functional::ConvOptions::new()
                .stride(2)
                .padding(1)
                .groups(2),
        )
    };
    let forward = 2 * 6 * (5 * 4) * (2 * 3 * 2);
    assert_eq!(count(&convolve), forward);
    let both = || {
        convolve()?.sum()?.backward()?;
        Ok(t(&[1]))
    };
    assert_eq!(count(&both), 3 * forward);
    // Matrices that are transposed: the gradients of a linear layer.
    let (x, w) = (t(&[6, 3]), t(&[5, 3]));
    let (x, w) = (
        x.requires_grad_(true).unwrap(),
        w.requires_grad_(true).unwrap(),
    );
    let linear = || {
        x.linear(&w, None)?.sum()?.backward()?;
        Ok(t(&[1]))
    };
    assert_eq!(count(&linear), 3 * (6 * 5 * 3));
    // Attention: scores, and their sums of values.
    let (q, k, v) = (t(&[2, 4, 6, 8]), t(&[2, 4, 5, 8]), t(&[2, 4, 5, 3]));
    let attend = || {
        functional::scaled_dot_product_attention(&q, &k, &v, functional::AttentionOptions::new())
    };
    assert_eq!(count(&attend), 2 * 4 * 6 * 5 * (8 + 3));
}
