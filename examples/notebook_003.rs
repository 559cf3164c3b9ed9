//! Initialising by type, and two recipes for fine-tuning. The cells of a notebook, in order.
//!
//! `cargo run --example notebook_003 -- --seed 0`

#[path = "notebook/mod.rs"]
pub mod notebook;

use notebook::{Show, cell, python_bool, say};
use pleach::prelude::*;
use pleach::size_text;
use pleach::vision::models::{ResNet, resnet18};

// Tests include this file.
#[allow(dead_code)]
fn main() -> Result<()> {
    notebook::main(run)
}

/// Runs all cells.
pub fn run(seed: u32, show: Show) -> Result<()> {
    cell(show, "003/setup", |_| {
        manual_seed(seed);
        Ok(())
    })?;
    // Python only defines `weight_init` here.
    cell(show, "003/code1", |_| Ok(()))?;
    cell(show, "003/code1+probe", code1_probe)?;
    let (model, optimizer) = cell(show, "003/code2", code2)?;
    cell(show, "003/code2+probe", |out| {
        code2_probe(out, &model, &optimizer)
    })?;
    let optimizer = cell(show, "003/code3", |_| code3(&model))?;
    cell(show, "003/code3+probe", |out| code3_probe(out, &optimizer))
}

/// Initialises a module by its type.
fn weight_init(m: &mut dyn Module) -> Result<()> {
    if let Some(m) = m.downcast_ref::<Conv2d>() {
        let n = m.kernel_size[0] * m.kernel_size[1] * m.out_channels;
        m.weight.data().normal_(0.0, (2.0 / n as f64).sqrt())?;
    } else if let Some(m) = m.downcast_ref::<BatchNorm2d>() {
        for (parameter, value) in [(&m.weight, 1), (&m.bias, 0)] {
            if let Some(parameter) = parameter {
                parameter.data().fill_(value)?;
            }
        }
    }
    Ok(())
}

fn code1_probe(out: &mut String) -> Result<()> {
    let mut model = sequential![
        Conv2d::builder(1, 2, 3).bias(false).build()?,
        BatchNorm2d::new(2),
        ReLU::new(),
        Conv2d::new(2, 3, 2),
    ];
    model.try_apply(&mut weight_init)?;
    say!(out, "{}", model[0].get_parameter("weight")?);
    say!(out, "{}", model[3].get_parameter("weight")?);
    say!(out, "{}", model[3].get_parameter("bias")?);
    for (name, param) in model.named_parameters() {
        let size = size_text(&param.shape());
        say!(out, "{name} {size} {}", python_bool(param.requires_grad()));
    }
    Ok(())
}

/// The local recipe: only a new head learns.
fn code2(_out: &mut String) -> Result<(ResNet, SGD)> {
    let mut model = resnet18();
    model.requires_grad_(false);
    // The parameters of a new layer require a gradient.
    model.fc = Linear::new(512, 100);
    let optimizer = SGD::builder(model.fc.parameters())
        .lr(1e-2)
        .momentum(0.9)
        .build()?;
    Ok((model, optimizer))
}

fn code2_probe(out: &mut String, model: &ResNet, optimizer: &SGD) -> Result<()> {
    let named = model.named_parameters().into_iter();
    let learning: Vec<String> = named
        .filter(|(_, p)| p.requires_grad())
        .map(|(name, _)| format!("'{name}'"))
        .collect();
    say!(out, "[{}]", learning.join(", "));
    let bias = model.fc.get_parameter("bias")?;
    say!(out, "{}", bias.tensor().index(..5)?);
    say!(out, "{}", bias.data().index(..5)?);
    say!(out, "{optimizer}");
    Ok(())
}

/// The global recipe: everything learns, the head ten times as fast.
fn code3(model: &ResNet) -> Result<SGD> {
    let head = model.fc.parameters();
    let base = model.parameters().into_iter();
    let base = base.filter(|p| !head.iter().any(|h| h.same(p)));
    SGD::with_groups([
        SgdGroup::new(base),
        SgdGroup::new(model.fc.parameters()).lr(1e-2),
    ])
    .lr(1e-3)
    .momentum(0.9)
    .build()
}

fn code3_probe(out: &mut String, optimizer: &SGD) -> Result<()> {
    for (i, group) in optimizer.parameters().into_iter().enumerate() {
        let options = optimizer.options(i)?;
        let learning = group.iter().filter(|p| p.requires_grad()).count();
        say!(
            out,
            "{} {} {} {learning}",
            group.len(),
            options.lr,
            options.momentum
        );
    }
    say!(out, "{optimizer}");
    Ok(())
}
