//! [`RandomFloat`]: what differs between the float types when they are drawn.

use half::{bf16, f16};
use pleach_kernels::random::mt19937::Mt19937;
use pleach_kernels::random::{normal, uniform};

use crate::Element;

/// A float type that generators draw: f32, f64, f16, bf16.
pub trait RandomFloat: Element + sealed::Sealed {
    /// The largest finite value.
    #[doc(hidden)]
    const MAX: f64;
    #[doc(hidden)]
    fn uniform(engine: &mut Mt19937, out: &mut [Self], from: f64, to: f64);
    /// Needs 16 elements at least.
    #[doc(hidden)]
    fn normal_blocks(engine: &mut Mt19937, out: &mut [Self], mean: f64, std: f64);
    /// Rounds as PyTorch does: to the half types by way of f32.
    #[doc(hidden)]
    fn round(value: f64) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! random_float {
    // `$compute` is the type that uniforms and blocks are computed in.
    ($($float:ident, $compute:ident, $fill:ident, $max:expr, $round:expr;)*) => {$(
        impl sealed::Sealed for $float {}
        impl RandomFloat for $float {
            const MAX: f64 = $max;
            fn uniform(engine: &mut Mt19937, out: &mut [Self], from: f64, to: f64) {
                uniform::$fill(engine, out, from as $compute, to as $compute);
            }
            fn normal_blocks(engine: &mut Mt19937, out: &mut [Self], mean: f64, std: f64) {
                normal::$fill(engine, out, mean as $compute, std as $compute);
            }
            fn round(value: f64) -> Self {
                $round(value)
            }
        }
    )*};
}
random_float! {
    f32, f32, fill_f32, f32::MAX as f64, |value| value as f32;
    f64, f64, fill_f64, f64::MAX, |value| value;
    f16, f32, fill_f16, 65504.0, |value| f16::from_f32(value as f32);
    bf16, f32, fill_bf16, f32::from_bits(0x7f7f_0000) as f64, |value| bf16::from_f32(value as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_values_are_those_of_the_types() {
        assert_eq!(f16::MAX.to_f64(), <f16 as RandomFloat>::MAX);
        assert_eq!(bf16::MAX.to_f64(), <bf16 as RandomFloat>::MAX);
    }
}
