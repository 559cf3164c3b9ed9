//! The functions of `init`, and a function that initialises any model. The cells of a notebook, in
//! order.
//!
//! `cargo run --example notebook_001 -- --seed 0`

#[path = "notebook/mod.rs"]
pub mod notebook;

use notebook::{Show, cell, python_bool, say};
use pleach::prelude::*;
use pleach::print::python_float;
use pleach::size_text;

// Tests include this file.
#[allow(dead_code)]
fn main() -> Result<()> {
    notebook::main(run)
}

/// Runs all cells.
pub fn run(seed: u32, show: Show) -> Result<()> {
    cell(show, "001/In[4]", |_| {
        manual_seed(seed);
        Ok(())
    })?;
    cell(show, "001/In[5]", in_5)?;
    cell(show, "001/In[5]+probe", in_5_probe)?;
    cell(show, "001/In[6]", in_6)?;
    let (conv, linear) = cell(show, "001/In[8]", in_8)?;
    cell(show, "001/In[12]", |out| echo(out, &conv.weight))?;
    cell(show, "001/In[13]", |out| echo(out, &linear.weight))?;
    cell(show, "001/In[19]", |out| {
        init::xavier_normal_(&conv.weight, 1.0)?;
        echo(out, &conv.weight)
    })?;
    cell(show, "001/In[20]", |out| {
        init::constant_(&linear.weight, 0.3)?;
        echo(out, &linear.weight)
    })?;
    cell(show, "001/In[21]", |out| {
        init::kaiming_normal_(&conv.weight, 0.0, "fan_in", "leaky_relu")?;
        echo(out, &conv.weight)
    })?;
    // Python only defines `initialize_weights` here.
    cell(show, "001/In[22]", |_| Ok(()))?;
    let mlp = cell(show, "001/In[23]", in_23)?;
    cell(show, "001/In[23]+probe", |out| in_23_probe(out, &mlp))
}

/// Python shows the help of the module; here it is in the documentation of the crate.
fn in_5(out: &mut String) -> Result<()> {
    say!(out, "cargo doc --open --package pleach-init");
    Ok(())
}

fn in_5_probe(out: &mut String) -> Result<()> {
    for name in [
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
    ] {
        // Python's 1 is an integer there.
        let gain = init::calculate_gain(name, None)?;
        match gain {
            1.0 => say!(out, "{name} 1"),
            _ => say!(out, "{name} {}", python_float(gain)),
        }
    }
    let gain = init::calculate_gain("leaky_relu", Some(0.2))?;
    say!(out, "{}", python_float(gain));
    if let Err(e) = init::calculate_gain("nope", None) {
        say!(out, "ValueError: {e}");
    }
    Ok(())
}

/// The counterpart of `dir(torch.nn.init)`.
fn in_6(out: &mut String) -> Result<()> {
    let functions = [
        "calculate_fan_in_and_fan_out",
        "calculate_gain",
        "constant_",
        "dirac_",
        "eye_",
        "kaiming_normal_",
        "kaiming_uniform_",
        "normal_",
        "ones_",
        "orthogonal_",
        "sample_",
        "sparse_",
        "trunc_normal_",
        "uniform_",
        "with",
        "xavier_normal_",
        "xavier_uniform_",
        "zeros_",
    ];
    say!(out, "{functions:?}");
    Ok(())
}

fn in_8(out: &mut String) -> Result<(Conv2d, Linear)> {
    let conv = Conv2d::new(1, 3, 3);
    let linear = Linear::new(10, 1);
    // A layer's own type is known; behind `&dyn Module` it is asked for.
    let modules: [&dyn Module; 2] = [&conv, &linear];
    for module in modules {
        say!(
            out,
            "{}",
            python_bool(module.downcast_ref::<Conv2d>().is_some())
        );
    }
    Ok((conv, linear))
}

/// A notebook shows the last value of a cell.
fn echo(out: &mut String, parameter: &Parameter) -> Result<()> {
    say!(out, "{}", parameter.data());
    Ok(())
}

/// Initialises every layer of a model by its type.
fn initialize_weights(model: &dyn Module) -> Result<()> {
    for m in model.modules() {
        if let Some(m) = m.downcast_ref::<Conv2d>() {
            init::zeros_(&m.weight)?;
            if let Some(bias) = &m.bias {
                init::constant_(bias, 0.3)?;
            }
        } else if let Some(m) = m.downcast_ref::<Linear>() {
            init::normal_(&m.weight, 0.1, 1.0)?;
            if let Some(bias) = &m.bias {
                init::zeros_(bias)?;
            }
        } else if let Some(m) = m.downcast_ref::<BatchNorm2d>() {
            for (parameter, value) in [(&m.weight, 1), (&m.bias, 0)] {
                if let Some(parameter) = parameter {
                    init::constant_(parameter, value)?;
                }
            }
        }
    }
    Ok(())
}

/// A model with named layers.
#[derive(Module)]
// The notebook's name, which is printed.
#[allow(clippy::upper_case_acronyms)]
struct MLP {
    hidden: Conv2d,
    act: ReLU,
    output: Linear,
}

impl MLP {
    fn new() -> Self {
        MLP {
            hidden: Conv2d::new(1, 1, 3),
            act: ReLU::new(),
            output: Linear::new(10, 1),
        }
    }
}

impl Forward for MLP {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let o = self.act.call(&self.hidden.call(x)?)?;
        self.output.call(&o)
    }
}

fn in_23(out: &mut String) -> Result<MLP> {
    let mut mlp = MLP::new();
    say!(out, "{}", mlp.hidden.weight.data());
    say!(out, "-------初始化-------");
    // `apply` visits each layer and then the model, whose layers are so initialised twice.
    mlp.try_apply(&mut |m| initialize_weights(m))?;
    say!(out, "{}", mlp.hidden.weight.data());
    Ok(mlp)
}

fn in_23_probe(out: &mut String, mlp: &MLP) -> Result<()> {
    say!(out, "{}", mlp.hidden.get_parameter("bias")?.data());
    say!(out, "{}", mlp.output.weight.data());
    say!(out, "{}", mlp.output.get_parameter("bias")?.data());
    let y = mlp.call(&Tensor::ones([1, 1, 12, 12]))?;
    say!(out, "{}", size_text(y.shape()));
    say!(out, "{mlp}");
    say!(out, "{}", mlp.call(&Tensor::ones([1, 1, 3, 12]))?);
    // Rust's compiler refuses a method that does not exist; Python notices when it gets there.
    say!(
        out,
        "AttributeError: 'Tensor' object has no attribute 'zeros_'"
    );
    Ok(())
}
