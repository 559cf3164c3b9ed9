//! Initialisation by function and by type; two recipes for fine-tuning a ResNet. The cells of a
//! notebook, in order.
//!
//! `cargo run --example notebook_000 -- --seed 0`

#[path = "notebook/mod.rs"]
pub mod notebook;

use notebook::{Show, cell, python, python_bool, say};
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
    cell(show, "000/In[3]", |_| {
        manual_seed(seed);
        Ok(())
    })?;
    let conv1 = cell(show, "000/In[4]", in_4)?;
    cell(show, "000/In[4]+probe", |out| in_4_probe(out, &conv1))?;
    // Python only defines `weights_init` in these two.
    cell(show, "000/In[5]", |_| Ok(()))?;
    cell(show, "000/In[5]+adapted", |_| Ok(()))?;
    cell(show, "000/In[5]+probe", |out| in_5_probe(out, &conv1))?;
    // ... and the network here.
    cell(show, "000/In[6]+setup", |_| Ok(()))?;
    let mut net = cell(show, "000/In[6]", in_6)?;
    cell(show, "000/In[6]+probe", |out| in_6_probe(out, &mut net))?;
    let (model, mut optimizer) = cell(show, "000/In[8]", |_| in_8())?;
    cell(show, "000/In[8]+probe", |out| {
        in_8_probe(out, &model, &mut optimizer)
    })?;
    let (model, optimizer) = cell(show, "000/In[11]", |_| in_11())?;
    cell(show, "000/In[11]+probe", |out| {
        in_11_probe(out, &model, &optimizer)
    })
}

// The notebook calls the initialisers by their old names.
#[allow(deprecated)]
fn in_4(out: &mut String) -> Result<Conv2d> {
    let conv1 = Conv2d::builder(3, 64, 7).stride(2).padding(3).build()?;
    let bias = conv1.get_parameter("bias")?;
    init::xavier_uniform(&conv1.weight, 1.0)?;
    init::constant(&bias, 0.1)?;
    say!(out, "{} {bias}", conv1.weight);
    Ok(conv1)
}

fn in_4_probe(out: &mut String, conv1: &Conv2d) -> Result<()> {
    let bias = conv1.get_parameter("bias")?;
    say!(out, "{conv1}");
    say!(
        out,
        "{} {}",
        size_text(&conv1.weight.shape()),
        size_text(&bias.shape())
    );
    let weight = conv1.weight.data();
    say!(out, "{}", weight.index((0, 0))?);
    let bound = f64::sqrt(6.0 / (3.0 * 49.0 + 64.0 * 49.0));
    say!(out, "{}", weight.abs()?.max()?.le(bound)?);
    Ok(())
}

/// Initialises what has `Conv` in its class's name.
fn weights_init(m: &mut dyn Module) -> Result<()> {
    if m.type_name().contains("Conv") {
        init::xavier_uniform_(&m.get_parameter("weight")?, 1.0)?;
        init::constant_(&m.get_parameter("bias")?, 0.1)?;
    }
    Ok(())
}

fn in_5_probe(out: &mut String, conv1: &Conv2d) -> Result<()> {
    if let Err(e) = init::xavier_uniform_(&conv1.get_parameter("bias")?, 1.0) {
        say!(out, "ValueError: {e}");
    }
    Ok(())
}

/// A small network for images of one channel.
#[derive(Module)]
struct Net {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    relu: ReLU,
    conv2: Conv2d,
    fc: Linear,
}

impl Net {
    fn new() -> Result<Self> {
        Ok(Net {
            conv1: Conv2d::new(1, 4, 3),
            bn1: BatchNorm2d::new(4),
            relu: ReLU::builder().inplace(true).build()?,
            conv2: Conv2d::builder(4, 2, 3).padding(1).build()?,
            fc: Linear::new(2, 2),
        })
    }
}

impl Forward for Net {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = self.relu.call(&self.bn1.call(&self.conv1.call(x)?)?)?;
        let x = self.conv2.call(&x)?;
        self.fc.call(&x.mean_dim([2, 3], false)?)
    }
}

/// Initialises a module by its type.
fn weight_init(m: &mut dyn Module) -> Result<()> {
    if let Some(m) = m.downcast_ref::<Conv2d>() {
        let n = m.kernel_size[0] * m.kernel_size[1] * m.out_channels;
        m.weight.data().normal_(0.0, (2.0 / n as f64).sqrt())?;
    } else if m.downcast_ref::<BatchNorm2d>().is_some() {
        m.get_parameter("weight")?.data().fill_(1)?;
        m.get_parameter("bias")?.data().zero_()?;
    }
    Ok(())
}

fn in_6(out: &mut String) -> Result<Net> {
    let mut net = Net::new()?;
    // `apply` finds every module of the network, and gives it to the function.
    net.try_apply(&mut weights_init)?;
    say!(out, "{net}");
    Ok(net)
}

fn in_6_probe(out: &mut String, net: &mut Net) -> Result<()> {
    say!(out, "{}", net.conv1.weight.data());
    let bias = |path| net.get_parameter(path);
    say!(
        out,
        "{} {}",
        bias("conv1.bias")?.data(),
        bias("conv2.bias")?.data()
    );
    bias("bn1.weight")?.data().fill_(7)?;
    bias("bn1.bias")?.data().fill_(7)?;
    net.try_apply(&mut weight_init)?;
    say!(out, "{}", net.conv1.weight);
    say!(out, "{}", net.conv2.weight.data().index(0)?);
    for path in ["bn1.weight", "bn1.bias", "fc.bias"] {
        say!(out, "{}", net.get_parameter(path)?);
    }
    let x = Tensor::arange(72).float()?.view([2, 1, 6, 6])?.div(72)?;
    say!(out, "{}", net.call(&x)?);
    for (_, buffer) in net.named_buffers() {
        say!(out, "{}", buffer.tensor());
    }
    net.eval();
    say!(out, "{}", net.call(&x)?);
    Ok(())
}

/// The local recipe: only a new head learns.
fn in_8() -> Result<(ResNet, SGD)> {
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

fn in_8_probe(out: &mut String, model: &ResNet, optimizer: &mut SGD) -> Result<()> {
    say!(out, "{}", model.fc);
    let parameters = model.parameters();
    let all: usize = parameters.iter().map(|p| p.numel()).sum();
    let learning = parameters.iter().filter(|p| p.requires_grad());
    say!(out, "{all} {}", learning.map(|p| p.numel()).sum::<usize>());
    for (name, param) in model.named_parameters() {
        if param.requires_grad() {
            say!(out, "{name} {}", size_text(&param.shape()));
        }
    }
    say!(out, "{optimizer}");
    say!(out, "{}", model.conv1.weight);
    say!(out, "{}", model.fc.weight);
    let last = model.get_parameter("layer4.1.conv2.weight")?;
    say!(out, "{}", last.data().index((0, 0))?);

    let mut x = Tensor::ones([2, 3, 32, 32]);
    x.index_put_(1, -1)?;
    let loss = model.call(&x)?.logsumexp(1, false)?.mean()?;
    say!(
        out,
        "{} {}",
        python_bool(loss.requires_grad()),
        size_text(loss.shape())
    );
    loss.backward()?;
    say!(out, "{}", python(model.conv1.weight.grad()));
    let grad = model.fc.weight.grad();
    say!(
        out,
        "{}",
        grad.map_or("None".to_string(), |g| size_text(g.shape()))
    );
    let bias = model.fc.get_parameter("bias")?;
    let (before, fcb) = (model.conv1.weight.data().detach(), bias.data().detach());
    optimizer.step()?;
    say!(
        out,
        "{} {}",
        python_bool(before.equal(&model.conv1.weight.data())?),
        python_bool(fcb.equal(&bias.data())?)
    );
    Ok(())
}

/// The global recipe: everything learns, the head ten times as fast.
fn in_11() -> Result<(ResNet, SGD)> {
    let mut model = resnet18();
    model.fc = Linear::new(512, 100);
    let head = model.fc.parameters();
    let base = model.parameters().into_iter();
    let base = base.filter(|p| !head.iter().any(|h| h.same(p)));
    let groups = [
        SgdGroup::new(base),
        SgdGroup::new(model.fc.parameters()).lr(1e-2),
    ];
    let optimizer = SGD::with_groups(groups).lr(1e-3).momentum(0.9).build()?;
    Ok((model, optimizer))
}

fn in_11_probe(out: &mut String, model: &ResNet, optimizer: &SGD) -> Result<()> {
    say!(out, "{}", model.fc.parameters().len());
    say!(out, "{optimizer}");
    let groups = optimizer.parameters();
    let sizes: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let options = (0..groups.len()).map(|i| optimizer.options(i));
    let options = options.collect::<Result<Vec<_>>>()?;
    say!(out, "{sizes:?}");
    say!(
        out,
        "{:?}",
        options.iter().map(|o| o.lr).collect::<Vec<_>>()
    );
    say!(
        out,
        "{:?}",
        options.iter().map(|o| o.momentum).collect::<Vec<_>>()
    );
    say!(out, "{model}");
    Ok(())
}
