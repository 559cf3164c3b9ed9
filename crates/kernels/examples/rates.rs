//! How fast this crate's products, threads and buffers are on this machine: `cargo run --release
//! -p pleach-kernels --example rates -- [peak] [gemm] [thin] [threads] [buffers]` (all without arguments).

use std::hint::black_box;
use std::time::{Duration, Instant};

use pleach_kernels::{Buffer, Isa, MatRef, gemm, parallel_for, set_num_threads};

/// Seconds of a clock. On one thread that is the thread's own processor time, which other programs do not
/// disturb much.
fn now(threads: usize) -> f64 {
    #[cfg(target_os = "linux")]
    if threads == 1 {
        let mut t = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `t` is a valid place for the answer.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
        return t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9;
    }
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let _ = threads;
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// The least of a function's times in seconds, over samples that fill `budget`.
fn time(threads: usize, budget: f64, mut f: impl FnMut()) -> f64 {
    set_num_threads(threads);
    f();
    let t = now(threads);
    f();
    let once = now(threads) - t;
    let inner = (2e-5 / once.max(1e-9)).ceil().clamp(1.0, 1e5) as usize;
    let mut samples = Vec::new();
    let start = Instant::now();
    while samples.len() < 5 || start.elapsed().as_secs_f64() < budget {
        let t = now(threads);
        (0..inner).for_each(|_| f());
        samples.push((now(threads) - t) / inner as f64);
    }
    samples.sort_by(f64::total_cmp);
    samples[0]
}

/// The floating-point operations of `steps` rounds of multiply-adds on registers alone.
fn chains(steps: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        #[target_feature(enable = "avx512f")]
        fn avx512(steps: usize) -> f32 {
            let (a, b) = (
                _mm512_set1_ps(black_box(0.999)),
                _mm512_set1_ps(black_box(1e-3)),
            );
            let mut acc = [b; 12];
            for _ in 0..steps {
                for acc in &mut acc {
                    *acc = _mm512_fmadd_ps(*acc, a, b);
                }
            }
            _mm512_reduce_add_ps(acc.into_iter().fold(a, |x, y| _mm512_add_ps(x, y)))
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2(steps: usize) -> f32 {
            let (a, b) = (
                _mm256_set1_ps(black_box(0.999)),
                _mm256_set1_ps(black_box(1e-3)),
            );
            let mut acc = [b; 12];
            for _ in 0..steps {
                for acc in &mut acc {
                    *acc = _mm256_fmadd_ps(*acc, a, b);
                }
            }
            _mm256_cvtss_f32(acc.into_iter().fold(a, |x, y| _mm256_add_ps(x, y)))
        }
        match Isa::current() {
            // SAFETY: the machine has the instruction set.
            Isa::Avx512 => {
                black_box(unsafe { avx512(steps) });
                return steps * 12 * 16 * 2;
            }
            // SAFETY: as above.
            Isa::Avx2 => {
                black_box(unsafe { avx2(steps) });
                return steps * 12 * 8 * 2;
            }
            Isa::Scalar => (),
        }
    }
    let mut acc = [black_box(1e-3f32); 12];
    for _ in 0..steps {
        for acc in &mut acc {
            *acc = *acc * 0.999 + 1e-3;
        }
    }
    black_box(acc);
    steps * 12 * 2
}

fn peak(threads: usize) -> f64 {
    set_num_threads(threads);
    let flops = threads * chains(20_000);
    let t = time(threads, 0.3, || {
        parallel_for(threads, |_| {
            chains(20_000);
        })
    });
    flops as f64 / t / 1e9
}

fn values(n: usize) -> Buffer<f32> {
    Buffer::from_exact_iter((0..n).map(|i| (i * 7919 % 1000) as f32 * 1e-3 - 0.5))
}

fn products(shapes: &[(usize, usize, usize)]) {
    for threads in [1, 2] {
        set_num_threads(threads);
        for &(m, n, k) in shapes {
            print!("{threads} thr {m:5} x {n:5} x {k:5} ");
            let (a, b) = (values(m * k), values(k * n));
            let mut c = Buffer::<f32>::zeroed(m * n);
            for name in ["NN", "NT", "TN"] {
                let a = match name {
                    "TN" => MatRef::row_major(&a, k, m).transposed(),
                    _ => MatRef::row_major(&a, m, k),
                };
                let b = match name {
                    "NT" => MatRef::row_major(&b, n, k).transposed(),
                    _ => MatRef::row_major(&b, k, n),
                };
                let t = time(threads, 0.15, || gemm(a, b, &mut c, false));
                let rate = (2 * m * n * k) as f64 / t / 1e9;
                print!("  {name} {:9.2} us {rate:6.1} GF/s", t * 1e6);
            }
            println!();
        }
    }
}

fn gap(threads: usize, gap: Duration, work: &(dyn Fn(usize) + Sync)) -> (f64, f64) {
    set_num_threads(threads);
    let mut samples = Vec::new();
    let n = if gap.is_zero() { 20_000 } else { 1000 };
    for _ in 0..n {
        let until = Instant::now() + gap;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        let t = Instant::now();
        parallel_for(threads, work);
        samples.push(t.elapsed().as_secs_f64());
    }
    samples.sort_by(f64::total_cmp);
    (samples[n / 2] * 1e6, samples[n * 9 / 10] * 1e6)
}

fn threads() {
    for threads in [2, 3, 4] {
        for us in [0, 50, 500] {
            let (median, p90) = gap(threads, Duration::from_micros(us), &|_| ());
            println!(
                "parallel_for of {threads} empty tasks, {us} us apart: {median:.2} us, p90 {p90:.2} us"
            );
        }
        // Work of 5 us a task shows whether a worker comes in time.
        for us in [0, 50, 500] {
            let (median, p90) = gap(threads, Duration::from_micros(us), &|_| {
                let until = Instant::now() + Duration::from_micros(5);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
            });
            println!(
                "parallel_for of {threads} tasks of 5 us, {us} us apart: {median:.2} us, p90 {p90:.2} us"
            );
        }
    }
    set_num_threads(2);
    let nested = time(2, 0.2, || parallel_for(2, |_| parallel_for(2, |_| ())));
    println!("nested: {:.2} us", nested * 1e6);
}

fn buffers() {
    set_num_threads(1);
    for bytes in [32, 256, 4096, 65536] {
        let t = time(1, 0.1, || {
            black_box(Buffer::<u8>::new(black_box(bytes)));
        });
        println!(
            "buffer of {bytes} bytes, taken and given back: {:.1} ns",
            t * 1e9
        );
    }
    for mib in [1, 4, 16, 64, 256] {
        let (mut first, mut again) = (f64::MAX, f64::MAX);
        for _ in 0..5 {
            pleach_kernels::buffer::empty_cache();
            for best in [&mut first, &mut again] {
                let t = Instant::now();
                let mut b = Buffer::<u8>::new(mib << 20);
                b.fill(1);
                black_box(&b[..]);
                *best = best.min(t.elapsed().as_secs_f64());
            }
        }
        println!(
            "{mib} MiB written: fresh {:.2} ms, reused {:.2} ms",
            first * 1e3,
            again * 1e3
        );
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| args.is_empty() || args.iter().any(|a| a == name);
    println!("{:?}", Isa::current());
    if wanted("peak") {
        println!(
            "FMA peak: {:.1} GF/s on one thread, {:.1} on two",
            peak(1),
            peak(2)
        );
    }
    if wanted("gemm") {
        products(&[
            (256, 256, 256),
            (512, 512, 512),
            (1024, 1024, 1024),
            (2048, 2048, 2048),
            (64, 512, 512),
            (128, 512, 784),
        ]);
    }
    if wanted("thin") {
        products(&[
            (4, 5, 3),
            (8, 8, 8),
            (16, 16, 16),
            (32, 32, 32),
            (64, 64, 64),
            (1, 512, 512),
            (2, 512, 512),
            (4, 512, 512),
            (8, 512, 512),
            (16, 512, 512),
            (32, 512, 512),
            (128, 10, 512),
            (512, 49, 4608),
            (64, 3136, 576),
        ]);
    }
    if wanted("threads") {
        threads();
    }
    if wanted("buffers") {
        buffers();
    }
}
