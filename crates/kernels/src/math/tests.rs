//! Errors against f64, and special values.

use super::*;

/// Every 2003rd float, all signs and exponents, and the special ones.
fn floats() -> impl Iterator<Item = f32> {
    let special = [0.0, -0.0, 1.0, -1.0, f32::MAX, f32::MIN_POSITIVE, 1e-45];
    (0..=u32::MAX)
        .step_by(2003)
        .map(f32::from_bits)
        .filter(|x| x.is_finite())
        .chain(special)
}

/// The greatest error in units in the last place of the (rounded) truth.
fn worst(f: impl Fn(f32) -> f32, truth: impl Fn(f64) -> f64) -> (f64, f32) {
    let mut worst = (0.0, 0.0);
    for x in floats() {
        let (got, want) = (f(x), truth(f64::from(x)));
        let nearest = want as f32;
        if !nearest.is_finite() || got == nearest {
            if got != nearest && !(got.is_nan() && nearest.is_nan()) {
                return (f64::INFINITY, x);
            }
            continue;
        }
        let unit = f64::from(nearest.abs().next_up()) - f64::from(nearest.abs());
        let error = (f64::from(got) - want).abs() / unit;
        if error > worst.0 || error.is_nan() {
            worst = (error, x);
        }
    }
    worst
}

/// erf in f64, from its series or the continued fraction of erfc.
fn exact_erf(x: f64) -> f64 {
    let t = x.abs();
    let size = if t < 3.0 {
        let (mut term, mut sum, mut n) = (t, t, 0.0);
        while term.abs() > 1e-18 * sum.abs() {
            n += 1.0;
            term *= -t * t / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    } else if t < 7.0 {
        let mut f = 0.0;
        for k in (1..200).rev() {
            f = f64::from(k) / 2.0 / (t + f);
        }
        1.0 - (-t * t).exp() / (t + f) * std::f64::consts::FRAC_2_SQRT_PI / 2.0
    } else {
        1.0
    };
    size.copysign(x)
}

#[test]
fn errors_stay_within_their_bounds() {
    bounded::<Fused>();
    bounded::<Apart>();
}

fn bounded<M: MulAdd>() {
    type Row<'a> = (&'a str, fn(f32) -> f32, fn(f64) -> f64, f64);
    let far = [
        (
            "sin",
            sin::<Far<M>> as fn(f32) -> f32,
            f64::sin as fn(f64) -> f64,
            1.6,
        ),
        ("cos", cos::<Far<M>>, f64::cos, 1.6),
        ("tan", tan::<Far<M>>, f64::tan, 2.5),
    ];
    // Beyond what they are made for the functions are not asked.
    let plain: [Row; 3] = [
        (
            "exp, plain",
            |x| {
                if x.abs() < 87.0 {
                    exp::<Plain<M>>(x)
                } else {
                    0.0
                }
            },
            |x| if x.abs() < 87.0 { x.exp() } else { 0.0 },
            1.0,
        ),
        (
            "exp2, plain",
            |x| {
                if x.abs() < 126.0 {
                    exp2::<Plain<M>>(x)
                } else {
                    0.0
                }
            },
            |x| if x.abs() < 126.0 { x.exp2() } else { 0.0 },
            1.2,
        ),
        (
            "ln, plain",
            |x| {
                if x.is_normal() && x > 0.0 {
                    ln::<Plain<M>>(x)
                } else {
                    0.0
                }
            },
            |x| {
                if x >= f64::from(f32::MIN_POSITIVE) {
                    x.ln()
                } else {
                    0.0
                }
            },
            0.8,
        ),
    ];
    let rows: [Row; 20] = [
        ("exp", exp::<M>, f64::exp, 1.0),
        ("exp2", exp2::<M>, f64::exp2, 1.2),
        ("exp_m1", exp_m1::<M>, f64::exp_m1, 1.6),
        ("ln_1p", ln_1p::<M>, f64::ln_1p, 1.5),
        ("ln", ln::<M>, f64::ln, 0.8),
        ("log2", log2::<M>, f64::log2, 1.5),
        ("log10", log10::<M>, f64::log10, 2.0),
        ("asin", asin::<M>, f64::asin, 2.3),
        ("acos", acos::<M>, f64::acos, 1.5),
        ("atan", atan::<M>, f64::atan, 2.0),
        ("sinh", sinh::<M>, f64::sinh, 2.5),
        ("cosh", cosh::<M>, f64::cosh, 2.0),
        ("tanh", tanh::<M>, f64::tanh, 2.7),
        ("asinh", asinh::<M>, libm::asinh, 3.0),
        ("acosh", acosh::<M>, double::acosh::<M>, 3.0),
        ("atanh", atanh::<M>, libm::atanh, 3.0),
        ("erf", erf::<M>, exact_erf, 1.2),
        ("erfc", erfc::<M>, libm::erfc, 4.5),
        ("erfinv", erfinv::<M>, double::erfinv::<M>, 3.5),
        (
            "normal_tail",
            |x| {
                if x.abs() > 1.0 {
                    0.0
                } else {
                    normal_tail::<M>(x.abs())
                }
            },
            |x| {
                if x.abs() > 1.0 {
                    0.0
                } else {
                    double::normal_tail::<M>(x.abs())
                }
            },
            3.1,
        ),
    ];
    let all = rows.into_iter().chain(far).chain(plain);
    let all = all.map(|(name, f, truth, bound)| (name, worst(f, truth), bound));
    let mut beyond = Vec::new();
    for (name, (error, at), bound) in all {
        println!("{name}: {error} at {at:e}");
        if error.is_nan() || error > bound {
            beyond.push((name, error, at));
        }
    }
    assert!(beyond.is_empty(), "{beyond:?}");
}

/// Next to their zeros, where a unit is tiny, the errors are small numbers.
#[test]
fn gamma_functions_are_within_a_unit() {
    let near =
        (1..2000u32).flat_map(|i| [1.0, 2.0].map(|x: f32| f32::from_bits(x.to_bits() - 1000 + i)));
    for x in floats().chain(near) {
        let truths = [
            (lgamma::<Apart>(x), double::lgamma::<Apart>(f64::from(x))),
            (digamma::<Apart>(x), double::digamma::<Apart>(f64::from(x))),
        ];
        for (got, want) in truths {
            let nearest = want as f32;
            let unit = f64::from(nearest.abs().next_up()) - f64::from(nearest.abs());
            let close = (f64::from(got) - want).abs() < unit + 2e-10;
            let same = got == nearest || got.is_nan() && want.is_nan();
            assert!(same || close, "at {x:e}: {got:e}, not {want:e}");
        }
        if (0.9..2.1).contains(&x) && x != 1.0 && x != 2.0 {
            let (got, want) = truths[0];
            assert!(
                (f64::from(got) / want - 1.0).abs() < 1.2e-7,
                "at {x:e}: {got:e}, not {want:e}"
            );
        }
    }
}

#[test]
fn special_values_are_right() {
    special::<Fused>();
    special::<Apart>();
}

#[test]
fn reciprocals_are_within_a_unit() {
    for i in 0..=1 << 16 {
        let x = 1.0 + i as f32 / 65536.0;
        let want = 1.0 / f64::from(x);
        let unit = f64::from(f32::EPSILON) / 2.0; // of a number from 0.5 to 1
        for got in [
            Fused::reciprocal_in_1_to_2(x),
            Apart::reciprocal_in_1_to_2(x),
        ] {
            assert!((f64::from(got) - want).abs() <= unit, "{x}: {got}");
        }
    }
}

fn special<M: MulAdd>() {
    let (exp, ln, tanh, erf) = (exp::<M>, ln::<M>, tanh::<M>, erf::<M>);
    let inf = f32::INFINITY;
    assert_eq!((exp(inf), exp(-inf), exp(0.0)), (inf, 0.0, 1.0));
    assert_eq!(
        (ln(inf), ln(0.0), ln(-0.0), ln(1.0)),
        (inf, -inf, -inf, 0.0)
    );
    assert!(ln(-1.0).is_nan() && ln(-inf).is_nan());
    assert_eq!((tanh(inf), tanh(-inf)), (1.0, -1.0));
    assert_eq!((erf(inf), erf(-inf)), (1.0, -1.0));
    assert_eq!(
        (tanh(-0.0).to_bits(), erf(-0.0).to_bits()),
        (1 << 31, 1 << 31)
    );
    let (exp_m1, ln_1p) = (exp_m1::<M>, ln_1p::<M>);
    assert_eq!((exp_m1(inf), exp_m1(-inf), ln_1p(inf)), (inf, -1.0, inf));
    assert_eq!(ln_1p(-1.0), -inf);
    for tiny in [1e-45, -1e-45, 3e-45, 1.234e-40, -2e-38, 1e-37] {
        assert_eq!((exp_m1(tiny), ln_1p(tiny)), (tiny, tiny));
        // However near to 0 the exponent is.
        let (zero, infinite) = (powf::<M>(0.0, tiny), powf::<M>(inf, tiny));
        let wanted = if tiny > 0.0 { (0.0, inf) } else { (inf, 0.0) };
        assert_eq!((zero, infinite), wanted);
    }
    assert!(ln_1p(-1.5).is_nan());
    assert_eq!(
        (exp_m1(-0.0).to_bits(), ln_1p(-0.0).to_bits()),
        (1 << 31, 1 << 31)
    );
    let more = [
        sin::<Far<M>>,
        cos::<Far<M>>,
        tan::<Far<M>>,
        asin::<M>,
        acos::<M>,
        atan::<M>,
    ];
    let more = more
        .into_iter()
        .chain([sinh::<M>, cosh::<M>, asinh::<M>, acosh::<M>, atanh::<M>]);
    let more = more.chain([exp2::<M>, log2::<M>, log10::<M>, erfc::<M>, erfinv::<M>]);
    assert_eq!((exp2::<M>(-149.0), exp2::<M>(128.0)), (1e-45, inf));
    assert_eq!(
        (sinh::<M>(inf), cosh::<M>(-inf), erfc::<M>(inf)),
        (inf, inf, 0.0)
    );
    for f in [exp, ln, tanh, erf, exp_m1, ln_1p].into_iter().chain(more) {
        for nan in [
            f32::NAN,
            -f32::NAN,
            f32::from_bits(0x7fc1_2345),
            f32::from_bits(0xffff_ffff),
        ] {
            assert!(f(nan).is_nan());
        }
    }
}

/// Pairs of every size and sign, and equal and neighbouring exponents.
fn pairs() -> impl Iterator<Item = (f32, f32)> {
    let mut state = 1u64;
    (0..1_000_000).map(move |i| {
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        let x = f32::from_bits(next());
        let y = f32::from_bits(next());
        match i % 3 {
            0 => (x, y),
            1 => (x, f32::from_bits(x.to_bits() ^ (next() & 0x80ff_ffff))),
            _ => (x.abs().clamp(1e-3, 1e3), y.clamp(-20.0, 20.0)),
        }
    })
}

#[test]
fn functions_of_pairs_stay_within_their_bounds() {
    within::<Fused>();
    within::<Apart>();
}

fn within<M: MulAdd>() {
    type Row<'a> = (&'a str, fn(f32, f32) -> f32, fn(f64, f64) -> f64, f64);
    let rows: [Row; 4] = [
        ("ldexp", ldexp::<M>, double::ldexp::<M>, 0.6),
        ("atan2", atan2::<M>, f64::atan2, 2.5),
        ("hypot", hypot::<M>, f64::hypot, 0.6),
        ("powf", powf::<M>, f64::powf, 0.6),
    ];
    let corners = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -3.0,
        0.5,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ];
    let corners = corners.into_iter().flat_map(|x| corners.map(|y| (x, y)));
    let all: Vec<(f32, f32)> = pairs().chain(corners).collect();
    for (name, f, truth, bound) in rows {
        for (x, y) in &all {
            let (got, want) = (f(*x, *y), truth(f64::from(*x), f64::from(*y)));
            let nearest = want as f32;
            if got.to_bits() == nearest.to_bits() || got.is_nan() && nearest.is_nan() {
                continue;
            }
            let unit = f64::from(nearest.abs().next_up()) - f64::from(nearest.abs());
            let error = (f64::from(got) - want).abs() / unit;
            assert!(
                error <= bound,
                "{name} of {x:e}, {y:e}: {got:e}, not {want:e}: {error}"
            );
        }
    }
}
