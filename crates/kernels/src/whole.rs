//! The whole part of a float as an integer, in a form that loops are vectorised with.

/// A row: docs, name, the float and the integer.
macro_rules! whole_parts {
    ($($name:ident: $float:ident, $integer:ident;)*) => {$(
        /// The whole part, or the lowest integer where it does not fit (nan too): x86-64's `cvttsd2si`,
        /// and so PyTorch's.
        ///
        /// ```
        #[doc = concat!("use pleach_kernels::", stringify!($name), ";")]
        #[doc = concat!("assert_eq!(", stringify!($name), "(-2.9), -2);")]
        #[doc = concat!("assert_eq!(", stringify!($name), "(1e30), ", stringify!($integer), "::MIN);")]
        /// ```
        #[inline(always)]
        pub fn $name(value: $float) -> $integer {
            const LOW: $float = $integer::MIN as $float;
            // What is above `LOW - 1` is cut to `LOW` at least; where the float has no such number that is
            // `LOW` itself, as it should be.
            let fits = (value > LOW - 1.0) & (value < -LOW);
            let value = if fits { value } else { LOW };
            // SAFETY: the value is a number whose whole part is from `LOW` to the largest integer.
            unsafe { value.to_int_unchecked() }
        }
    )*};
}
whole_parts! {
    whole_i32_of_f32: f32, i32;
    whole_i32_of_f64: f64, i32;
    whole_i64_of_f32: f32, i64;
    whole_i64_of_f64: f64, i64;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_beyond() {
        let near = f64::from(i32::MAX);
        assert_eq!(whole_i32_of_f64(near + 0.9), i32::MAX);
        assert_eq!(whole_i32_of_f64(near + 1.0), i32::MIN);
        assert_eq!(whole_i32_of_f64(f64::from(i32::MIN) - 0.9), i32::MIN);
        assert_eq!(whole_i32_of_f32(2_147_483_520.0), 2_147_483_520);
        assert_eq!(
            whole_i64_of_f64(9_223_372_036_854_774_784.0),
            9_223_372_036_854_774_784
        );
        for beyond in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e20, -1e20] {
            assert_eq!(whole_i32_of_f32(beyond), i32::MIN);
            assert_eq!(whole_i64_of_f32(beyond), i64::MIN);
            assert_eq!(whole_i64_of_f64(f64::from(beyond)), i64::MIN);
        }
    }
}
