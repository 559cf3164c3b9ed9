//! S12: one model that many threads ask at the same time, an image each.

use std::sync::Arc;
use std::thread;

use pleach::prelude::*;
use pleach::vision::models::resnet18;
use serde_json::json;

use crate::networks::small_cnn;
use crate::scenario::{Run, Scale, Scenario};

/// Threads that ask.
const CLIENTS: usize = 8;

/// A run is so many requests of each thread; what is timed is all of them.
pub fn scenarios(scale: Scale) -> Vec<Scenario> {
    let (few, many) = (scale.of(4, 1), scale.of(64, 1));
    let (side, width) = (scale.of(224, 32), scale.of(32, 2));
    let all = |requests: usize| format!("{} requests, {CLIENTS} threads", requests * CLIENTS);
    vec![
        Scenario::timed(
            format!("small cnn b1, {}", all(many)),
            "serve_small_cnn",
            json!({"width": width, "clients": CLIENTS, "requests": many}),
            move || serve(small_cnn(width)?, [1, 1, 28, 28], many),
        ),
        Scenario::timed(
            format!("resnet18 b1, {}", all(few)),
            "serve_resnet18",
            json!({"side": side, "clients": CLIENTS, "requests": few}),
            move || serve(resnet18(), [1, 3, side, side], few),
        ),
    ]
}

fn serve(model: impl Forward + 'static, shape: [usize; 4], requests: usize) -> Result<Run> {
    model.eval();
    let (model, image) = (Arc::new(model), Tensor::randn(shape));
    Ok(Box::new(move || {
        thread::scope(|scope| {
            let client = || -> Result<()> {
                for _ in 0..requests {
                    no_grad(|| model.call(&image))?;
                }
                Ok(())
            };
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
            let mut results = clients.into_iter().map(|client| client.join());
            results.try_for_each(|result| result.expect("no client panics"))
        })
    }))
}
