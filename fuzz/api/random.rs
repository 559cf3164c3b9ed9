//! Random tensors and generators.

use pleach::random::numpy::RandomState;
use pleach::random::{
    check_bernoulli, check_exponential, check_normal, check_uniform, initial_seed, random_bounds,
};
use rand_distr::{Distribution, StandardUniform};

use pleach::{Error, Generator, Result, Tensor, manual_seed};

use super::create::asked_shape;
use super::{Call, Program, call};

fn generators(p: &mut Program) -> Result<()> {
    let seed = p.bytes.whole();
    let generator = Generator::seeded(seed);
    assert_eq!(generator.initial_seed(), seed as u64);
    let mut state = generator.get_state();
    let words = (generator.word(), generator.word64());
    generator.set_state(&state).map_err(Error::other)?;
    assert_eq!((generator.word(), generator.word64()), words);
    let at = p.bytes.below(state.len());
    state[at] = p.bytes.byte();
    if p.bytes.one_in(4) {
        state.truncate(at);
    }
    let inside = generator.scope(|| Tensor::rand([2]));
    p.keep(inside)?;
    // A state that cannot be one is refused; one that can be is used.
    if generator.set_state(&state).is_ok() {
        generator.scope(|| (Tensor::randn([20]), Tensor::rand([3])));
    }
    generator.manual_seed(seed);
    manual_seed(seed);
    assert_eq!(initial_seed(), seed as u64);
    let _ = (Generator::new().word(), Generator::current().word());
    Ok(())
}

fn fills(p: &mut Program) -> Result<()> {
    let generator = Generator::current();
    let (a, b) = (p.bytes.float(), p.bytes.float());
    let n = p.bytes.small();
    let mut out = vec![0f32; n];
    if check_uniform::<f32>(a, b).is_ok() {
        generator.fill_uniform(&mut out, a, b);
    }
    if check_normal(b).is_ok() {
        generator.fill_normal(&mut out, a, b, p.bytes.flag());
    }
    if check_bernoulli(a).is_ok() {
        generator.fill_bernoulli(&mut out, a);
        generator.fill_bernoulli_each(&mut out, &vec![a; n], p.bytes.flag());
    }
    if check_exponential(a).is_ok() {
        generator.fill_exponential(&mut out, a);
    }
    let mut whole = vec![0i64; n];
    generator.fill_random(&mut whole);
    generator.fill_random_bits(&mut whole);
    let (from, to) = (p.bytes.whole(), p.bytes.whole());
    if let Ok((from, to)) = random_bounds::<i64>(from, to)
        && from < to
    {
        generator.fill_random_range(&mut whole, from, to);
    }
    generator.fill_permutation(&mut whole);
    assert_eq!(generator.randperm(n).len(), n);
    Ok(())
}

pub const CALLS: &[Call] = &[
    call("Tensor::rand Tensor::randn", |p| {
        let shape = p.shape();
        p.keep(Tensor::rand(shape.clone()))?;
        p.keep(Tensor::randn(shape))
    }),
    call(
        "Tensor::rand_of Tensor::randn_of Tensor::try_rand Tensor::try_randn",
        |p| {
            let (shape, dtype) = (asked_shape(p), p.bytes.dtype());
            if !p.may_have(&shape) {
                return Ok(());
            }
            let made = match p.bytes.below(4) {
                0 => Tensor::rand_of(shape, dtype),
                1 => Tensor::randn_of(shape, dtype),
                2 => Tensor::try_rand(shape),
                _ => Tensor::try_randn(shape),
            }?;
            p.keep(made)
        },
    ),
    call("Tensor::rand_like Tensor::randn_like", |p| {
        let x = p.tensor()?;
        p.keep(x.rand_like()?)?;
        p.keep(x.randn_like()?)
    }),
    call("Tensor::normal", |p| {
        let (mean, std, shape) = (p.bytes.float(), p.bytes.float(), asked_shape(p));
        match p.may_have(&shape) {
            true => p.keep(Tensor::normal(mean, std, shape)?),
            false => Ok(()),
        }
    }),
    call(
        "Tensor::randint Tensor::randint_of Tensor::randint_like",
        |p| {
            let (a, b, shape) = (p.bytes.whole(), p.bytes.whole(), p.shape());
            let (x, dtype) = (p.tensor()?, p.bytes.dtype());
            p.keep(Tensor::randint(a, b, shape.clone())?)?;
            p.keep(x.randint_like(a, b)?)?;
            p.keep(Tensor::randint_of(a, b, shape, dtype)?)
        },
    ),
    call("Tensor::multinomial", |p| {
        let x = p.tensor()?;
        let weights = match p.bytes.flag() {
            true => x.abs()?,
            false => x,
        };
        let (n, replacement) = (p.bytes.small(), p.bytes.flag());
        p.keep(weights.multinomial(n, replacement)?)
    }),
    call("Tensor::randperm Tensor::try_randperm", |p| {
        let (n, asked) = (p.bytes.small(), p.bytes.size());
        p.keep(Tensor::randperm(n))?;
        match p.may_have(&[asked]) {
            true => p.keep(Tensor::try_randperm(asked)?),
            false => Ok(()),
        }
    }),
    call(
        "Tensor::sample_from Generator::fill_sample init::sample_",
        |p| {
            let (mut x, factor) = (p.tensor()?, p.bytes.float());
            let odd = StandardUniform.map(move |x: f64| x * factor);
            let generator = Generator::seeded(1);
            generator.fill_sample(&mut [0.0; 3], &odd);
            pleach::init::sample_(&p.parameter()?, &odd)?;
            x.sample_from(&generator, &odd)?;
            p.keep(x)
        },
    ),
    call("Tensor::bernoulli", |p| {
        let x = p.tensor()?;
        p.keep(x.bernoulli()?)
    }),
    call(
        "Generator::new Generator::seeded Generator::current Generator::manual_seed \
         Generator::initial_seed Generator::scope Generator::get_state Generator::set_state \
         Generator::word Generator::word64 manual_seed initial_seed",
        generators,
    ),
    call(
        "Generator::fill_uniform Generator::fill_normal Generator::fill_bernoulli \
         Generator::fill_bernoulli_each Generator::fill_exponential Generator::fill_random \
         Generator::fill_random_range Generator::fill_random_bits Generator::randperm \
         Generator::fill_permutation \
         check_uniform check_normal check_bernoulli check_exponential random_bounds",
        fills,
    ),
    call(
        "RandomState::new RandomState::seed RandomState::uniform RandomState::normal \
         RandomState::fill_uniform RandomState::fill_normal",
        |p| {
            let mut state = RandomState::new(p.bytes.byte().into());
            let (a, b, shape) = (p.bytes.float(), p.bytes.float(), p.shape());
            p.keep(state.uniform(a, b, shape.clone()))?;
            p.keep(state.normal(a, b, shape))?;
            state.seed(7);
            let mut out = [0.0; 3];
            state.fill_uniform(&mut out, a, b);
            state.fill_normal(&mut out, a, b);
            Ok(())
        },
    ),
];
