//! `resnet/`: a ResNet, from its initialisation to fine-tuning, in f32 and f64.

use md5::{Digest, Md5};
use pleach::nn::functional::{self as F, CrossEntropyOptions};
use pleach::prelude::*;
use pleach::vision::models::ResNet;
use serde_json::Value as Json;

use crate::support::args::Args;
use crate::support::compare::{self, Tolerance};
use crate::support::data::{Family, Tensors, list, number, numbers, sizes, text, to_bytes};
use crate::support::eval::find;
use crate::support::report::Report;
use crate::support::value::{Eval, EvalError, Value, bug, unknown};

use super::init::hex;

pub fn run() {
    let Some(family) = Family::open("resnet") else {
        return;
    };
    let mut report = Report::new("resnet");
    if let (Some(file), Some(tensors)) = (
        family.json("resnet.json"),
        family.tensors("resnet.safetensors"),
    ) {
        Run::f32(&file, &tensors).report(&mut report);
        Run::f64(&file["float64"], &tensors).report(&mut report);
    }
    report.finish();
}

/// The parts of one dtype.
struct Run<'a> {
    dtype: DType,
    /// Before the names of its tensors.
    prefix: &'a str,
    parts: &'a Json,
    tensors: &'a Tensors,
    /// Relative to the size of what is compared. f32: what PyTorch's own rounding costs at this
    /// batch size, as the file says.
    tolerance: f64,
}

impl<'a> Run<'a> {
    fn f32(parts: &'a Json, tensors: &'a Tensors) -> Self {
        Run {
            dtype: DType::F32,
            prefix: "",
            parts,
            tensors,
            tolerance: 1e-3,
        }
    }

    fn f64(parts: &'a Json, tensors: &'a Tensors) -> Self {
        Run {
            dtype: DType::F64,
            prefix: "f64.",
            parts,
            tensors,
            tolerance: 1e-9,
        }
    }

    fn report(&self, report: &mut Report) {
        for (part, expected) in self.parts.as_object().into_iter().flatten() {
            let run = || match part.as_str() {
                "init" => self.init(expected),
                "eval_activations" => self.eval_activations(expected),
                "train_loss" => self.train_loss(expected),
                "train_grads" => self.train_grads(expected),
                "bn_after_one_forward" => self.bn_after_one_forward(expected),
                "sgd3" => self.sgd3(expected),
                "local_fc_init" => self.local_fc_init(expected),
                "local" => self.local(expected),
                "global" => self.global(expected),
                other => bug(format!("the part {other} has no runner")),
            };
            if !["note", "float64"].contains(&part.as_str()) {
                report.case(&format!("{}{part}", self.prefix), run);
            }
        }
    }

    /// The model as `init.code` makes it: `torch.manual_seed(S); m = torchvision.models.NAME(..)`.
    fn fresh(&self) -> Eval<ResNet> {
        let code = text(&self.parts["init"]["code"])?;
        let between = |before: &str, after: char| {
            let rest = code.split_once(before)?.1;
            Some(rest.split(after).next().unwrap_or(rest))
        };
        let seed = between("manual_seed(", ')').and_then(|s| s.parse::<i64>().ok());
        let (Some(seed), Some(model)) = (seed, between("torchvision.models.", '(')) else {
            return bug(format!("cannot read {code:?}"));
        };
        let path = format!("torchvision.models.{model}");
        let Some(make) = find(&path) else {
            return unknown(path);
        };
        manual_seed(seed);
        match make(Args::default())? {
            Value::Module(module) => match module.share_module().downcast_ref::<ResNet>() {
                Some(model) => Ok(model.share()),
                None => bug(format!("{path} is no ResNet")),
            },
            other => bug(format!("{path} made {other:?}")),
        }
    }

    fn model(&self) -> Eval<ResNet> {
        let model = self.fresh()?;
        model.to_dtype(self.dtype)?;
        Ok(model)
    }

    /// The model with a new head for the classes of the fine-tunes.
    fn with_new_head(&self) -> Eval<ResNet> {
        let mut model = self.fresh()?;
        let classes = sizes(&self.parts["local_fc_init"]["shape"])?;
        let &[classes, features] = classes.as_slice() else {
            return bug("the head's weight is no matrix");
        };
        model.fc = Linear::new(features, classes);
        model.to_dtype(self.dtype)?;
        Ok(model)
    }

    fn input(&self, name: &str) -> Eval<Tensor> {
        Ok(self.tensors.need(name)?.to_dtype(self.dtype)?)
    }

    fn loss(&self, model: &ResNet, targets: &str) -> Eval<Tensor> {
        let scores = model.call(&self.input("x4")?)?;
        let targets = self.tensors.need(targets)?;
        Ok(F::cross_entropy(
            &scores,
            targets,
            CrossEntropyOptions::new(),
        )?)
    }

    /// As many steps as there are losses, then the state and what the model says of `x1`.
    fn train(
        &self,
        model: &ResNet,
        mut optimizer: SGD,
        targets: &str,
        expected: &Json,
        logits: &str,
    ) -> Eval<()> {
        for (i, expected) in list(&expected["losses"])?.iter().enumerate() {
            optimizer.zero_grad();
            let loss = self.loss(model, targets)?;
            loss.backward()?;
            optimizer.step()?;
            self.close(&format!("loss {i}"), loss.item()?, number(expected)?)?;
        }
        let entries = expected["state"].as_object().map(|o| o.len());
        compare::equal(
            "number of entries",
            &Some(model.state_dict().len()),
            &entries,
        )?;
        self.state(model, &expected["state"])?;
        model.eval();
        self.stored(logits, &model.call(&self.input("x1")?)?)
    }

    fn init(&self, expected: &Json) -> Eval<()> {
        let model = self.fresh()?;
        let next = Tensor::rand([1]).item()?;
        compare::equal(
            "the generator's next number",
            &next,
            &number(&expected["next_rand"])?,
        )?;
        self.state(&model, &expected["params"])?;
        // Of the f32 values only.
        let Some(sums) = expected["md5"].as_object() else {
            return Ok(());
        };
        let state = model.state_dict();
        for (name, sum) in sums {
            let Some(tensor) = state.get(name) else {
                return bug(format!("no {name} in the state dict"));
            };
            let digest: String = Md5::digest(to_bytes(tensor)?)
                .iter()
                .map(|byte| hex(&[*byte])[2..].to_string())
                .collect();
            compare::equal(&format!("md5 of {name}"), digest.as_str(), text(sum)?)?;
        }
        compare::equal("number of md5 sums", &state.len(), &sums.len())
    }

    fn eval_activations(&self, expected: &Json) -> Eval<()> {
        let model = self.model()?;
        model.eval();
        let mut x = self.input("x1")?;
        let mut seen = 0;
        let layers: [(&str, &dyn Forward); 9] = [
            ("conv1", &model.conv1),
            ("bn1", &model.bn1),
            ("relu", &model.relu),
            ("maxpool", &model.maxpool),
            ("layer1", &model.layer1),
            ("layer2", &model.layer2),
            ("layer3", &model.layer3),
            ("layer4", &model.layer4),
            ("avgpool", &model.avgpool),
        ];
        for (name, layer) in layers {
            x = layer.call(&x)?;
            // The file has bn1 as it is after the activation, which torchvision does in place.
            let after_relu = name == "bn1";
            let shown = if after_relu { x.relu()? } else { x.clone() };
            if let Some(summary) = expected.get(name) {
                self.summary(name, &shown, summary)?;
                seen += 1;
            }
        }
        compare::equal(
            "number of activations",
            &Some(seen),
            &expected.as_object().map(|o| o.len()),
        )?;
        self.stored("eval_logits", &model.fc.call(&x.flatten(1, -1)?)?)
    }

    fn train_loss(&self, expected: &Json) -> Eval<()> {
        let loss = self.loss(&self.model()?, "y4")?.item()?;
        self.close("loss", loss, number(expected)?)
    }

    fn train_grads(&self, expected: &Json) -> Eval<()> {
        let model = self.model()?;
        self.loss(&model, "y4")?.backward()?;
        let parameters = model.named_parameters();
        let Some(wanted) = expected.as_object() else {
            return bug("no gradients");
        };
        compare::equal("number of gradients", &parameters.len(), &wanted.len())?;
        for (name, parameter) in parameters {
            let Some(grad) = parameter.grad() else {
                return bug(format!("{name} has no gradient"));
            };
            self.summary(&name, &grad, &expected[&name])?;
            // Of a large one only the start is stored.
            let key = format!("grad.{name}");
            if let Some(stored) = self.tensors.get(&format!("{}{key}", self.prefix)) {
                let grad = match grad.numel() == stored.numel() {
                    true => grad,
                    false => grad.flatten(0, -1)?.narrow(0, 0, stored.numel())?,
                };
                self.stored(&key, &grad)?;
            }
        }
        Ok(())
    }

    fn bn_after_one_forward(&self, expected: &Json) -> Eval<()> {
        let model = self.model()?;
        model.call(&self.input("x4")?)?;
        self.state(&model, expected)?;
        let state = model.state_dict();
        for name in ["bn1.running_mean", "bn1.running_var"] {
            match state.get(name) {
                Some(tensor) => self.stored(&format!("{name}_after"), tensor)?,
                None => return bug(format!("no {name}")),
            }
        }
        Ok(())
    }

    fn sgd3(&self, expected: &Json) -> Eval<()> {
        let model = self.model()?;
        let optimizer = SGD::builder(model.parameters())
            .lr(number(&expected["lr"])?)
            .momentum(number(&expected["momentum"])?)
            .build()?;
        self.train(&model, optimizer, "y4", expected, "sgd3_logits")
    }

    fn local_fc_init(&self, expected: &Json) -> Eval<()> {
        let model = self.with_new_head()?;
        self.summary("fc.weight", &model.fc.weight.data().detach(), expected)
    }

    /// The notebooks' recipe: all frozen but the new head.
    fn local(&self, expected: &Json) -> Eval<()> {
        let model = self.with_new_head()?;
        model.requires_grad_(false);
        model.fc.requires_grad_(true);
        let optimizer = SGD::builder(model.fc.parameters())
            .lr(1e-2)
            .momentum(0.9)
            .build()?;
        self.train(&model, optimizer, "y_ft", expected, "local_logits")?;
        let backbone = model.named_parameters();
        let none = backbone
            .iter()
            .filter(|(name, _)| !name.starts_with("fc."))
            .all(|(_, p)| p.grad().is_none());
        compare::equal(
            "frozen parameters have no gradient",
            &Some(none),
            &expected["frozen_grads_none"].as_bool(),
        )
    }

    /// The notebooks' other recipe: the head learns ten times as fast.
    fn global(&self, expected: &Json) -> Eval<()> {
        let model = self.with_new_head()?;
        let parameters = model.named_parameters().into_iter();
        let (head, backbone): (Vec<_>, Vec<_>) =
            parameters.partition(|(name, _)| name.starts_with("fc."));
        let group = |named: Vec<(String, Parameter)>| named.into_iter().map(|(_, p)| p);
        compare::equal(
            "sizes of the groups",
            &vec![backbone.len(), head.len()],
            &sizes(&expected["groups"])?,
        )?;
        let groups = [
            SgdGroup::new(group(backbone)),
            SgdGroup::new(group(head)).lr(1e-2),
        ];
        let optimizer = SGD::with_groups(groups).lr(1e-3).momentum(0.9).build()?;
        self.train(&model, optimizer, "y_ft", expected, "global_logits")
    }

    /// Every entry of a state dict that the file sums up.
    fn state(&self, model: &ResNet, expected: &Json) -> Eval<()> {
        let state = model.state_dict();
        for (name, summary) in expected.as_object().into_iter().flatten() {
            match state.get(name) {
                Some(tensor) => self.summary(name, tensor, summary)?,
                None => return bug(format!("no {name} in the state dict")),
            }
        }
        Ok(())
    }

    /// Shape, sums and both ends of a tensor.
    fn summary(&self, name: &str, tensor: &Tensor, expected: &Json) -> Eval<()> {
        compare::equal(
            &format!("shape of {name}"),
            tensor.shape(),
            &sizes(&expected["shape"])?[..],
        )?;
        let values = tensor.to_vec_f64();
        let (sum, size): (f64, f64) = (values.iter().sum(), values.iter().map(|v| v.abs()).sum());
        let wanted_size = number(&expected["abs_sum"])?;
        self.within(
            &format!("sum of {name}"),
            sum,
            number(&expected["sum"])?,
            wanted_size,
        )?;
        self.within(
            &format!("absolute sum of {name}"),
            size,
            wanted_size,
            wanted_size,
        )?;
        let (first, last) = (numbers(&expected["first"])?, numbers(&expected["last"])?);
        let mean = wanted_size / values.len().max(1) as f64;
        let ends = [
            ("first", &values[..first.len().min(values.len())], first),
            (
                "last",
                &values[values.len().saturating_sub(last.len())..],
                last,
            ),
        ];
        for (end, got, wanted) in ends {
            compare::equal(&format!("{end} of {name}"), &got.len(), &wanted.len())?;
            for (&got, wanted) in got.iter().zip(wanted) {
                self.within(
                    &format!("{end} of {name}"),
                    got,
                    wanted,
                    wanted.abs() + 10.0 * mean,
                )?;
            }
        }
        Ok(())
    }

    /// A tensor that the file has whole.
    fn stored(&self, key: &str, got: &Tensor) -> Eval<()> {
        let expected = self.tensors.need(&format!("{}{key}", self.prefix))?;
        let size = expected
            .to_vec_f64()
            .iter()
            .fold(0.0, |m: f64, v| m.max(v.abs()));
        let tolerance = Tolerance {
            rtol: self.tolerance,
            atol: self.tolerance * size,
        };
        compare::tensors(key, &got.detach(), expected, tolerance)
    }

    fn close(&self, what: &str, got: f64, expected: f64) -> Eval<()> {
        self.within(what, got, expected, expected.abs())
    }

    /// Closer than the tolerance times a size.
    fn within(&self, what: &str, got: f64, expected: f64, size: f64) -> Eval<()> {
        if (got - expected).abs() <= self.tolerance * size {
            return Ok(());
        }
        Err(EvalError::Bug(format!(
            "{what}: {got}, expected {expected}"
        )))
    }
}
