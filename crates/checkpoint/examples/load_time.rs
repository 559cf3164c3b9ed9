//! How long files take to load: `load_time FILE..`. Beside it, PyTorch's
//! `torch.load(FILE, weights_only=True)` and `safetensors.torch.load_file(FILE)`.

use std::time::Instant;

use pleach_checkpoint::{Value, load};

const TIMES: usize = 30;

fn main() {
    for path in std::env::args().skip(1) {
        let time = |use_it: &dyn Fn(Value)| {
            let mut times: Vec<f64> = (0..TIMES)
                .map(|_| {
                    let start = Instant::now();
                    use_it(load(&path).expect("a checkpoint"));
                    start.elapsed().as_secs_f64() * 1e3
                })
                .collect();
            times.sort_by(f64::total_cmp);
            (times[0], times[TIMES / 2])
        };
        let (first, median) = time(&drop);
        pleach_kernels::buffer::empty_cache();
        let (fresh, _) = time(&|value| {
            drop(value);
            pleach_kernels::buffer::empty_cache();
        });
        println!("{path}: {first:.1} ms (median {median:.1}); into fresh memory {fresh:.1} ms");
    }
}
