//! Runs a test on every instruction set, and says which cases are whose turn.

use std::fmt::Debug;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use pleach_kernels::{Activation, Float, Isa, set_num_threads};

/// The largest height and width.
const LARGEST: usize = 300;
/// A height and width that all windows fit.
const FITS_ALL: usize = 48;
/// The cases of a run on one instruction set: `number/how many sets take turns`.
const TURN: &str = "PLEACH_TEST_TURN";

/// How many sizes are tried.
#[derive(Copy, Clone, PartialEq)]
enum Sizes {
    /// A few.
    Small,
    /// Each once.
    Each,
    /// Every height with every width.
    All,
}

/// A run on one instruction set.
pub struct Run {
    sizes: Sizes,
    turn: usize,
    turns: usize,
}

/// Runs a test, whose name is given, on every instruction set of this machine, each in a process of
/// its own, as the kernels choose once. With `PLEACH_ISA`, on that one, in this process.
pub fn on_every_isa(test: &str, body: impl FnOnce(&Run)) {
    let sizes = match std::env::var("PLEACH_TEST_SIZES").as_deref() {
        Ok("all") => Sizes::All,
        Ok("small") => Sizes::Small,
        _ => Sizes::Each,
    };
    if std::env::var_os("PLEACH_ISA").is_some() {
        let turn = std::env::var(TURN).unwrap_or_else(|_| "0/1".to_string());
        let (turn, turns) = turn.split_once('/').expect("number/count");
        let number = |text: &str| text.parse().expect("a number");
        return body(&Run {
            sizes,
            turn: number(turn),
            turns: number(turns),
        });
    }
    // One test at a time: each has a process for each instruction set already.
    static ONE: Mutex<()> = Mutex::new(());
    let _guard = ONE.lock().unwrap_or_else(|e| e.into_inner());
    let isas = Isa::available();
    let children: Vec<_> = (isas.iter().enumerate())
        .map(|(turn, isa)| {
            let child = Command::new(std::env::current_exe().expect("this test has a file"))
                .args([test, "--exact", "--nocapture", "--test-threads=1"])
                .env("PLEACH_ISA", format!("{isa:?}"))
                .env(TURN, format!("{turn}/{}", isas.len()))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn();
            child.expect("a process for each instruction set")
        })
        .collect();
    for (isa, child) in isas.iter().zip(children) {
        let output = child.wait_with_output().expect("the process ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let stdout = text(&output.stdout);
        assert!(
            output.status.success() && stdout.contains("1 passed"),
            "{isa:?}:\n{stdout}\n{}",
            text(&output.stderr)
        );
    }
}

impl Run {
    /// Whether a case is this instruction set's, and with how many threads it is to be run: cases with
    /// neighbouring numbers have other ones.
    pub fn takes(&self, case: usize) -> bool {
        if case % self.turns != self.turn {
            return false;
        }
        set_num_threads(1 + case / self.turns % 3);
        true
    }

    /// Every length from 1 to 300.
    pub fn lengths(&self) -> impl Iterator<Item = usize> + use<> {
        let step = if self.sizes == Sizes::Small { 23 } else { 1 };
        (1..=LARGEST).step_by(step)
    }

    /// Every number of channels from 1 to 130.
    pub fn channels(&self) -> impl Iterator<Item = usize> + use<> {
        let step = if self.sizes == Sizes::Small { 11 } else { 1 };
        (1..=130).step_by(step)
    }

    /// Calls `f(case, image)` for each image that is to be tried with windows of number `kind` and
    /// is this run's: each size as height and as width, some of them square or nearly so; or every
    /// height with every width, each with one of `kinds` neighbouring kinds: of the first number of
    /// them if it is small, which all windows need not fit, else of the second.
    pub fn images(&self, kind: usize, kinds: [usize; 2], mut f: impl FnMut(usize, [usize; 2])) {
        if self.sizes == Sizes::All {
            for height in 1..=LARGEST {
                for width in 1..=LARGEST {
                    // What is whose turn does not depend on the kinds that an image has.
                    let case = (height * 31 + width * 17 + kind * 5) / 7;
                    let kinds = kinds[usize::from(height.min(width) >= FITS_ALL)];
                    if (height + width + kind).is_multiple_of(kinds) && self.takes(case) {
                        f(case, [height, width]);
                    }
                }
            }
            return;
        }
        for size in self.lengths() {
            let case = size + kind;
            if !self.takes(case) {
                continue;
            }
            let (turn, short) = (size + kind / 3, 1 + size * 11 % 29);
            let image = match turn % 6 {
                // Few large ones, which take long.
                0 if size < 100 || (turn / 6).is_multiple_of(6) => [size, size],
                1 | 4 => [size, short],
                2 | 5 => [short, size],
                3 if size < 100 => [size, size + 3],
                _ => [short + 20, size],
            };
            f(case, image);
        }
    }
}

/// Whether an image takes so long that it is tried with the fewest channels.
pub fn is_large([height, width]: [usize; 2]) -> bool {
    height * width > 5000
}

/// Whole numbers from -3 to 3.
pub fn whole_numbers<T: Float>(len: usize, seed: usize) -> Vec<T> {
    let mut state = seed as u64 + 1;
    (0..len)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            T::from_f64(((state >> 33) % 7) as f64 - 3.0)
        })
        .collect()
}

/// Numbers in f64.
pub fn in_f64<T: Float>(values: &[T]) -> Vec<f64> {
    values.iter().map(|v| v.to_f64()).collect()
}

/// Compares results that are exact.
pub fn assert_equal<T: Float>(what: &str, case: &impl Debug, got: &[T], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what} of {case:?}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            got.to_f64() == *want,
            "{what} of {case:?}, element {i}: {got:?} instead of {want}"
        );
    }
}

/// Compares results that may differ by `tolerance`, or as much of their size.
pub fn assert_close<T: Float>(
    what: &str,
    case: &impl Debug,
    got: &[T],
    want: &[f64],
    tolerance: f64,
) {
    assert_eq!(got.len(), want.len(), "{what} of {case:?}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            (got.to_f64() - want).abs() <= tolerance * (1.0 + want.abs()),
            "{what} of {case:?}, element {i}: {got:?} instead of {want}"
        );
    }
}

/// What may follow a product, a convolution or a normalisation.
pub const ACTIVATIONS: [Activation; 3] = [
    Activation::None,
    Activation::RELU,
    Activation::Clamp {
        min: -0.5,
        max: 3.5,
    },
];

/// An activation of a number.
pub fn activated(activation: Activation, v: f64) -> f64 {
    match activation {
        Activation::None => v,
        Activation::Clamp { min, max } => v.max(min).min(max),
    }
}

/// Random numbers below a bound.
pub struct Random(pub u64);

impl Random {
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}
