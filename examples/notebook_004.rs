//! Parameters of a model: access, initialisation, sharing. The cells of a notebook, in order.
//!
//! `cargo run --example notebook_004 -- --seed 0`

#[path = "notebook/mod.rs"]
pub mod notebook;

use notebook::{Show, cell, python, python_bool, say};
use pleach::nn::same;
use pleach::prelude::*;
use pleach::size_text;

// Tests include this file.
#[allow(dead_code)]
fn main() -> Result<()> {
    notebook::main(run)
}

/// Runs all cells.
pub fn run(seed: u32, show: Show) -> Result<()> {
    manual_seed(seed);
    let (net, x, y) = cell(show, "004/In[4]", in_4)?;
    cell(show, "004/In[4]+probe", |out| in_4_probe(out, &x, &y))?;
    cell(show, "004/In[7]", |out| in_7(out, &net))?;
    cell(show, "004/In[8]", |out| in_8(out, &net))?;
    cell(show, "004/In[9]", in_9)?;
    cell(show, "004/In[10]", |out| in_10(out, &net, &y))?;
    cell(show, "004/In[11]", |out| in_11(out, &net))?;
    cell(show, "004/In[12]", |out| in_12(out, &net))?;
    cell(show, "004/In[None]", |out| in_none(out, &net))?;
    cell(show, "004/In[20]", |out| in_20(out, &net))?;
    cell(show, "004/In[21]", |out| in_none(out, &net))?;
    cell(show, "004/In[24]", |out| in_24(out, &net))?;
    cell(show, "004/In[24]+probe", |out| in_24_probe(out, &net))?;
    let net = cell(show, "004/In[49]", in_49)?;
    cell(show, "004/In[26]", |out| in_26(out, &net))?;
    let x = cell(show, "004/In[50]", |out| in_50(out, &net))?;
    cell(show, "004/In[50]+probe", |out| in_50_probe(out, &net, &x))
}

fn in_4(out: &mut String) -> Result<(Sequential, Tensor, Tensor)> {
    let net = sequential![Linear::new(4, 3), ReLU::new(), Linear::new(3, 1)];
    say!(out, "{net}");
    let x = Tensor::rand([2, 4]);
    let y = net.call(&x)?.sum()?;
    Ok((net, x, y))
}

fn in_4_probe(out: &mut String, x: &Tensor, y: &Tensor) -> Result<()> {
    say!(out, "{x}");
    say!(out, "{y}");
    Ok(())
}

fn in_7(out: &mut String, net: &Sequential) -> Result<()> {
    // Python: print(type(net.named_parameters())). Here it is a list, and needs no type's name.
    say!(out, "<class 'generator'>");
    for (name, param) in net.named_parameters() {
        say!(out, "{name} {}", size_text(&param.shape()));
    }
    Ok(())
}

fn in_8(out: &mut String, net: &Sequential) -> Result<()> {
    for (name, param) in net[0].named_parameters() {
        // Python shows type(param).
        let class = "<class 'torch.nn.parameter.Parameter'>";
        say!(out, "{name} {} {class}", size_text(&param.shape()));
    }
    Ok(())
}

/// Only a `Parameter` is registered; a `Tensor` is a plain attribute.
#[derive(Module)]
struct MyModel {
    weight1: Parameter,
    #[allow(dead_code)]
    #[module(skip)]
    weight2: Tensor,
}

impl MyModel {
    fn new() -> Self {
        MyModel {
            weight1: Parameter::new(Tensor::rand([20, 20])),
            weight2: Tensor::rand([20, 20]),
        }
    }
}

fn in_9(out: &mut String) -> Result<()> {
    let n = MyModel::new();
    for (name, _) in n.named_parameters() {
        say!(out, "{name}");
    }
    Ok(())
}

fn in_10(out: &mut String, net: &Sequential, y: &Tensor) -> Result<()> {
    let weight_0 = &net[0].parameters()[0];
    say!(out, "{}", weight_0.data());
    // Before the backward pass there is no gradient.
    say!(out, "{}", python(weight_0.grad()));
    y.backward()?;
    say!(out, "{}", python(weight_0.grad()));
    Ok(())
}

fn in_11(out: &mut String, net: &Sequential) -> Result<()> {
    for (name, param) in net.named_parameters() {
        if name.contains("weight") {
            init::normal_(&param, 0.0, 0.01)?;
            say!(out, "{name} {}", param.data());
        }
    }
    Ok(())
}

fn in_12(out: &mut String, net: &Sequential) -> Result<()> {
    for (name, param) in net.named_parameters() {
        if name.contains("bias") {
            init::constant_(&param, 0)?;
            say!(out, "{name} {}", param.data());
        }
    }
    Ok(())
}

/// An initialiser of one's own: uniform, but nothing near zero.
fn init_weight_(param: &Parameter) -> Result<()> {
    no_grad(|| {
        param.uniform_(-10.0, 10.0)?;
        let far = param.tensor().abs()?.ge(5.0)?.to_dtype(DType::F32)?;
        param.mul_(&far)?;
        Ok(())
    })
}

fn in_none(out: &mut String, net: &Sequential) -> Result<()> {
    for (name, param) in net.named_parameters() {
        if name.contains("weight") {
            init_weight_(&param)?;
            say!(out, "{name} {}", param.data());
        }
    }
    Ok(())
}

fn in_20(out: &mut String, net: &Sequential) -> Result<()> {
    for (name, param) in net.named_parameters() {
        if name.contains("weight") {
            no_grad(|| param.uniform_(-10.0, 10.0).map(drop))?;
            say!(out, "{}", param.data().abs()?.ge(5.0)?);
        }
    }
    Ok(())
}

fn in_24(out: &mut String, net: &Sequential) -> Result<()> {
    for (name, param) in net.named_parameters() {
        if name.contains("bias") {
            param.data().add_(1)?;
            say!(out, "{name} {}", param.data());
        }
    }
    Ok(())
}

fn in_24_probe(out: &mut String, net: &Sequential) -> Result<()> {
    for _ in 0..2 {
        in_24(out, net)?;
    }
    say!(out, "{}", net[0].get_parameter("bias")?);
    say!(out, "{}", python(net[0].get_parameter("weight")?.grad()));
    Ok(())
}

fn in_49(out: &mut String) -> Result<Sequential> {
    let linear = Linear::builder(1, 1).bias(false).build()?;
    let net = sequential![linear.share(), linear];
    say!(out, "{net}");
    let mut last = None;
    for (name, param) in net.named_parameters() {
        init::constant_(&param, 3)?;
        say!(out, "{name} {}", param.data());
        last = Some(param);
    }
    if let Some(param) = last {
        say!(out, "{param}");
    }
    Ok(net)
}

fn in_26(out: &mut String, net: &Sequential) -> Result<()> {
    // Python compares with id(..).
    say!(out, "{}", python_bool(same(&net[0], &net[1])));
    let (first, second) = (
        net[0].get_parameter("weight")?,
        net[1].get_parameter("weight")?,
    );
    say!(out, "{}", python_bool(first.same(&second)));
    Ok(())
}

fn in_50(out: &mut String, net: &Sequential) -> Result<Tensor> {
    let x = Tensor::ones([1, 1]);
    let y = net.call(&x)?.sum()?;
    say!(out, "{y}");
    y.backward()?;
    // 3 from each use: 6. Gradients are not cleared by themselves, so they add up.
    say!(out, "{}", python(net[0].get_parameter("weight")?.grad()));
    Ok(x)
}

fn in_50_probe(out: &mut String, net: &Sequential, x: &Tensor) -> Result<()> {
    for _ in 0..2 {
        net.call(x)?.sum()?.backward()?;
        say!(out, "{}", python(net[0].get_parameter("weight")?.grad()));
    }
    say!(out, "{}", net.call(x)?);
    let (parameters, modules) = (net.parameters().len(), net.modules().len());
    say!(out, "{parameters} {} {modules}", net.state_dict().len());
    Ok(())
}
