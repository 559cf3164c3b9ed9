//! Random fills and initialisation.

use pleach::prelude::*;

use crate::measure::Row;

const SIDE: usize = 1000;

/// A row that fills a matrix of `side × side` f32 in place.
fn fill(
    name: &'static str,
    side: usize,
    mut fill: impl FnMut(&mut Tensor) -> Result<()> + 'static,
) -> Row {
    let mut matrix = Tensor::zeros([side, side]);
    Row {
        name,
        amount: (side * side) as f64 / 1e6,
        unit: "million values/s",
        run: Box::new(move || fill(&mut matrix)),
    }
}

/// The rows, which `torch_bench.py` has too.
pub fn rows() -> Vec<Row> {
    manual_seed(0);
    let input = Tensor::ones([SIDE, SIDE]);
    vec![
        fill("uniform_", SIDE, |t| t.uniform_(0.0, 1.0).map(drop)),
        fill("normal_", SIDE, |t| t.normal_(0.0, 1.0).map(drop)),
        fill("bernoulli_", SIDE, |t| t.bernoulli_(0.3).map(drop)),
        Row {
            name: "dropout",
            amount: (SIDE * SIDE) as f64 / 1e6,
            unit: "million values/s",
            run: Box::new(move || functional::dropout(&input, 0.5, true).map(drop)),
        },
        fill("trunc_normal_", SIDE, |t| {
            init::trunc_normal_(t, 0.0, 1.0, -2.0, 2.0).map(drop)
        }),
        fill("kaiming_normal_", SIDE, |t| {
            init::kaiming_normal_(t, 0.0, "fan_in", "relu").map(drop)
        }),
        fill("orthogonal_ 1024x1024", 1024, |t| {
            init::orthogonal_(t, 1.0).map(drop)
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_run_and_the_python_side_has_them_all() {
        let script = include_str!("torch_bench.py");
        for mut row in rows() {
            assert!(
                script.contains(&format!("\"{}\"", row.name)),
                "{}",
                row.name
            );
            (row.run)().unwrap();
        }
    }
}
