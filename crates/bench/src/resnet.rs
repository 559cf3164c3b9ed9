//! S5 and S6: inference and training of ResNet-18.

use pleach::nn::fuse;
use pleach::prelude::*;
use pleach::vision::models::resnet18;
use pleach::{Precision, set_float32_precision};
use serde_json::json;

use crate::convolution::resnet18_flops;
use crate::scenario::{Run, Scale, Scenario, run};
use crate::training::classifier_step;

const CLASSES: usize = 1000;

/// Runs something under a precision, and goes back to the default.
fn under<T>(precision: Precision, f: impl FnOnce() -> T) -> T {
    set_float32_precision(precision);
    let result = f();
    set_float32_precision(Precision::Highest);
    result
}

/// The two precisions, and what they are called in a row's name. PyTorch's side has one precision,
/// its default.
const PRECISIONS: [(Precision, &str); 2] = [(Precision::Highest, ""), (Precision::High, " high")];

/// S5: inference, in evaluation mode; plain, and with the normalisations folded into the
/// convolutions.
pub fn inference(scale: Scale) -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (precision, suffix) in PRECISIONS {
        for (fused, variant) in [(false, ""), (true, " fused")] {
            for full in [1, 16] {
                let name = format!("resnet18 inference{variant}{suffix} b{full}");
                let (batch, side) = (scale.of(full, 1), scale.of(224, 32));
                scenarios.push(infer(name, batch, side, fused, precision));
            }
        }
    }
    scenarios
}

fn infer(name: String, batch: usize, side: usize, fused: bool, precision: Precision) -> Scenario {
    let args = json!({"batch": batch, "side": side, "fused": fused});
    Scenario::timed(name, "resnet18_inference", args, move || {
        let mut model = resnet18();
        model.eval();
        let x = Tensor::randn([batch, 3, side, side]);
        if fused {
            fuse(&mut model, |model| model.call(&x))?;
        }
        run(move || under(precision, || no_grad(|| model.call(&x))))
    })
    .flops(batch as f64 * resnet18_flops(side).0)
}

/// Training, whole or all but the head frozen.
pub fn train_step(batch: usize, side: usize, frozen: bool) -> Result<Run> {
    let model = resnet18();
    if frozen {
        model.requires_grad_(false);
        model.fc.requires_grad_(true);
    }
    let x = Tensor::randn([batch, 3, side, side]);
    classifier_step(model, x, CLASSES)
}

/// S6: training steps, in training mode.
pub fn training(scale: Scale) -> Vec<Scenario> {
    let side = scale.of(224, 32);
    let (forward, train) = resnet18_flops(side);
    let mut scenarios = Vec::new();
    let highest = PRECISIONS[0];
    let kinds = PRECISIONS.map(|precision| (false, precision));
    for (frozen, (precision, suffix)) in kinds.into_iter().chain([(true, highest)]) {
        for full in [16, 32] {
            let batch = scale.of(full, 2);
            // Frozen, only the head's weights have a gradient.
            let flops = match frozen {
                true => forward + 2.0 * (512 * CLASSES) as f64,
                false => train,
            };
            scenarios.push(
                Scenario::timed(
                    format!(
                        "resnet18 train{}{suffix} b{full}",
                        if frozen { " head only" } else { "" }
                    ),
                    "resnet18_train",
                    json!({"batch": batch, "side": side, "frozen": frozen}),
                    move || {
                        let mut step = train_step(batch, side, frozen)?;
                        run(move || under(precision, &mut step))
                    },
                )
                .flops(batch as f64 * flops),
            );
        }
    }
    scenarios
}
