//! Replacing parameters by arrays, and walking a model. The cells of a notebook, in order.
//!
//! `cargo run --example notebook_002 -- --seed 0`

#[path = "notebook/mod.rs"]
pub mod notebook;

use notebook::{Show, cell, python_bool, say};
use pleach::numpy::RandomState;
use pleach::prelude::*;

// Tests include this file.
#[allow(dead_code)]
fn main() -> Result<()> {
    notebook::main(run)
}

/// Runs all cells.
pub fn run(seed: u32, show: Show) -> Result<()> {
    // Python seeds both streams before the first cell.
    manual_seed(seed);
    let mut np_random = RandomState::new(seed);
    cell(show, "002/In[1]", |_| Ok(()))?;
    let net1 = cell(show, "002/In[2]", |_| Ok(net1()))?;
    let (w1, b1) = cell(show, "002/In[3]", |_| {
        Ok((
            net1[0].get_parameter("weight")?,
            net1[0].get_parameter("bias")?,
        ))
    })?;
    cell(show, "002/In[4]", |out| print(out, &w1))?;
    cell(show, "002/In[4]+probe", |out| print(out, &b1))?;
    cell(show, "002/In[5]", |_| in_5(&net1, &mut np_random))?;
    cell(show, "002/In[6]", |out| {
        print(out, &net1[0].get_parameter("weight")?)
    })?;
    cell(show, "002/In[6]+probe", |out| in_6_probe(out, &net1, &w1))?;
    cell(show, "002/In[7]", |_| {
        normal_weights(net1.children(), &mut np_random)
    })?;
    // Python only defines `sim_net` here.
    cell(show, "002/In[8]", |_| Ok(()))?;
    let net2 = cell(show, "002/In[9]", |_| SimNet::new())?;
    cell(show, "002/In[9]+probe", |out| in_9_probe(out, &net2))?;
    cell(show, "002/In[10]", |out| in_10(out, &net2))?;
    cell(show, "002/In[11]", |out| in_11(out, &net2))?;
    cell(show, "002/In[12]", |_| {
        normal_weights(net2.modules(), &mut np_random)
    })?;
    cell(show, "002/In[12]+probe", |out| {
        print(out, &net2.l2[0].get_parameter("weight")?)
    })?;
    cell(show, "002/In[13]", |out| {
        print(out, &net1[0].get_parameter("weight")?)
    })?;
    cell(show, "002/In[14]", |out| {
        let weight = net1[0].get_parameter("weight")?;
        print(out, init::xavier_uniform_(&weight, 1.0)?)
    })
}

fn print(out: &mut String, parameter: &Parameter) -> Result<()> {
    say!(out, "{parameter}");
    Ok(())
}

fn net1() -> Sequential {
    sequential![
        Linear::new(30, 40),
        ReLU::new(),
        Linear::new(40, 50),
        ReLU::new(),
        Linear::new(50, 10),
    ]
}

/// An array takes the place of the values; the parameter takes over its dtype, f64.
fn in_5(net1: &Sequential, np_random: &mut RandomState) -> Result<()> {
    let weight = net1[0].get_parameter("weight")?;
    weight.data().set(np_random.uniform(3.0, 5.0, [40, 30]))?;
    Ok(())
}

fn in_6_probe(out: &mut String, net1: &Sequential, w1: &Parameter) -> Result<()> {
    let (weight, bias) = (
        net1[0].get_parameter("weight")?,
        net1[0].get_parameter("bias")?,
    );
    say!(
        out,
        "{} {} {}",
        python_bool(w1.same(&weight)),
        w1.dtype(),
        bias.dtype()
    );
    // `call` would put the path of the layer before the text.
    if let Err(e) = net1.forward(&Tensor::ones([1, 30])) {
        say!(out, "RuntimeError: {}", e.kind());
    }
    Ok(())
}

/// Gives the linear layers among the modules normal weights of mean 0 and deviation 0.5.
fn normal_weights(modules: Vec<&dyn Module>, np_random: &mut RandomState) -> Result<()> {
    for layer in modules {
        if let Some(layer) = layer.downcast_ref::<Linear>() {
            let shape = layer.weight.shape();
            layer.weight.data().set(np_random.normal(0.0, 0.5, shape))?;
        }
    }
    Ok(())
}

/// A model of three stages.
#[derive(Module)]
#[module(name = "sim_net")]
struct SimNet {
    l1: Sequential,
    l2: Sequential,
    l3: Sequential,
}

impl SimNet {
    fn new() -> Result<Self> {
        let l1 = sequential![Linear::new(30, 40), ReLU::new()];
        // The first layer gets its values here; this is the order in which they are drawn.
        let weight = l1[0].get_parameter("weight")?;
        weight.data().set(Tensor::randn([40, 30]))?;
        Ok(SimNet {
            l1,
            l2: sequential![Linear::new(40, 50), ReLU::new()],
            l3: sequential![Linear::new(50, 10), ReLU::new()],
        })
    }
}

impl Forward for SimNet {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.l1.call(x)?;
        let x = self.l2.call(&x)?;
        self.l3.call(&x)
    }
}

fn in_9_probe(out: &mut String, net2: &SimNet) -> Result<()> {
    print(out, &net2.l1[0].get_parameter("weight")?)?;
    print(out, &net2.l1[0].get_parameter("bias")?)?;
    say!(out, "{}", net2.l3[0].get_parameter("weight")?.data());
    say!(out, "{}", net2.call(&Tensor::ones([2, 30]))?);
    Ok(())
}

fn in_10(out: &mut String, net2: &SimNet) -> Result<()> {
    for child in net2.children() {
        say!(out, "{child}");
    }
    Ok(())
}

fn in_11(out: &mut String, net2: &SimNet) -> Result<()> {
    for module in net2.modules() {
        say!(out, "{module}");
    }
    Ok(())
}
