//! Functions of `numpy`.

use std::cell::RefCell;

use pleach::Tensor;
use pleach::random::numpy::RandomState;

use super::args::Bound;
use super::value::{Builtin, Eval, Value};

thread_local! {
    /// NumPy's global stream.
    static STREAM: RefCell<RandomState> = RefCell::new(RandomState::new(0));
}

/// `np.random.seed`.
pub fn seed(seed: u32) {
    STREAM.with_borrow_mut(|stream| stream.seed(seed));
}

/// An array of `size=`, or without it one number.
fn sized(a: &Bound, draw: impl FnOnce(&mut RandomState, Vec<usize>) -> Tensor) -> Eval {
    let drawn = STREAM.with_borrow_mut(|stream| Ok(draw(stream, a.shape("size")?)));
    drawn.and_then(|array: Tensor| match a.opt("size") {
        Some(_) => Ok(Value::tensor(array)),
        None => Ok(Value::float(array.item()?)),
    })
}

pub fn find(name: &str) -> Option<Builtin> {
    Some(match name {
        "random.seed" => |a| {
            seed(a.bind("seed", &["seed"])?.usize("seed")? as u32);
            Ok(Value::None)
        },
        "random.uniform" => |a| {
            let a = a.bind("uniform", &["low", "high", "size"])?;
            let low = a.opt_f64("low")?.unwrap_or(0.0);
            let high = a.opt_f64("high")?.unwrap_or(1.0);
            sized(&a, |stream, shape| stream.uniform(low, high, shape))
        },
        "random.normal" => |a| {
            let a = a.bind("normal", &["loc", "scale", "size"])?;
            let mean = a.opt_f64("loc")?.unwrap_or(0.0);
            let std = a.opt_f64("scale")?.unwrap_or(1.0);
            sized(&a, |stream, shape| stream.normal(mean, std, shape))
        },
        "random.randn" => |a| {
            let a = a.bind("randn", &["*size"])?;
            sized(&a, |stream, shape| stream.normal(0.0, 1.0, shape))
        },
        "random.rand" => |a| {
            let a = a.bind("rand", &["*size"])?;
            sized(&a, |stream, shape| stream.uniform(0.0, 1.0, shape))
        },
        _ => return None,
    })
}
