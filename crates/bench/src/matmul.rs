//! S1: products of two matrices.

use pleach::prelude::*;
use serde_json::json;

use crate::scenario::{Scale, Scenario, run};

/// The rows.
pub fn scenarios(scale: Scale) -> Vec<Scenario> {
    let product = |name: &str, m, k, n| {
        let [m, k, n] = [m, k, n].map(|size| scale.of(size, 5));
        Scenario::timed(
            format!("matmul {name}"),
            "matmul",
            json!({"m": m, "k": k, "n": n}),
            move || {
                let (a, b) = (Tensor::randn([m, k]), Tensor::randn([k, n]));
                run(move || a.matmul(&b))
            },
        )
        .flops(2.0 * (m * k * n) as f64)
    };
    let square = |n: usize| product(&n.to_string(), n, n, n);
    vec![
        square(256),
        square(512),
        square(1024),
        square(2048),
        product("64x512x512", 64, 512, 512),
        product("128x512x784", 128, 784, 512),
    ]
}
