//! S2: random fills, initialisers, and building models.

use pleach::prelude::*;
use pleach::vision::models::{resnet18, resnet50};
use serde_json::json;

use crate::scenario::{Scale, Scenario, run};

type Fill = fn(&mut Tensor) -> Result<()>;

/// The rows.
pub fn scenarios(scale: Scale) -> Vec<Scenario> {
    let fill = |op: &'static str, side: usize, fill: Fill| {
        let side = scale.of(side, 8);
        let name = format!("{op} {side}x{side}");
        Scenario::timed(name, op, json!({"side": side}), move || {
            let mut matrix = Tensor::zeros([side, side]);
            run(move || fill(&mut matrix))
        })
    };
    let side = scale.of(1000, 8);
    vec![
        fill("uniform_", 1000, |t| t.uniform_(0.0, 1.0).map(drop)),
        fill("normal_", 1000, |t| t.normal_(0.0, 1.0).map(drop)),
        fill("bernoulli_", 1000, |t| t.bernoulli_(0.3).map(drop)),
        fill("trunc_normal_", 1000, |t| {
            init::trunc_normal_(t, 0.0, 1.0, -2.0, 2.0).map(drop)
        }),
        fill("kaiming_normal_", 1000, |t| {
            init::kaiming_normal_(t, 0.0, "fan_in", "relu").map(drop)
        }),
        fill("orthogonal_", 1024, |t| init::orthogonal_(t, 1.0).map(drop)),
        Scenario::timed(
            format!("dropout {side}x{side}"),
            "dropout",
            json!({"side": side}),
            move || {
                let input = Tensor::ones([side, side]);
                run(move || functional::dropout(&input, 0.5, true))
            },
        ),
        Scenario::timed(
            "build resnet18",
            "build",
            json!({"model": "resnet18"}),
            || run(|| Ok(resnet18())),
        ),
        Scenario::timed(
            "build resnet50",
            "build",
            json!({"model": "resnet50"}),
            || run(|| Ok(resnet50())),
        ),
    ]
}
