//! `nn::utils`: clipped gradients, parameters as a vector, values computed again, computed parameters;
//! lazy layers and lists of parameters.

use pleach::nn::functional::Plain;
use pleach::nn::layers::{
    BatchNorm1d, LazyBatchNorm2d, LazyConv2d, LazyConvTranspose2d, LazyInstanceNorm2d, LazyLinear,
    Linear,
};
use pleach::nn::utils::parametrizations::{
    OrthogonalMap, OrthogonalOptions, SpectralNormOptions, orthogonal, spectral_norm, weight_norm,
};
use pleach::nn::utils::parametrize::{
    Originals, Parametrization, cached, is_parametrized, register_parametrization,
    register_parametrization_unchecked, remove_parametrizations,
};
use pleach::nn::utils::prune::{self, Amount, Unstructured};
use pleach::nn::utils::{
    CheckpointOptions, ClipGradNorm, checkpoint, checkpoint_sequential, checkpoint_with,
    clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, fuse_linear_bn_eval, get_total_norm,
    parameters_to_vector, skip_init, vector_to_parameters,
};
use pleach::nn::{Forward, Module, ParameterList, Sequential, layers::LazyConvNd};
use pleach::{Buffer, Parameter, Result, Tensor};

use super::{Call, Program, call};

fn parameters(p: &mut Program) -> Result<Vec<Parameter>> {
    (0..p.bytes.below(4)).map(|_| p.parameter()).collect()
}

fn clipped(p: &mut Program) -> Result<()> {
    let parameters = parameters(p)?;
    let types = [
        1.0,
        2.0,
        0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        p.bytes.float(),
    ];
    let norm_type = p.bytes.pick(&types);
    let options = ClipGradNorm::new(p.bytes.float()).norm_type(norm_type);
    let norm = clip_grad_norm_(&parameters, options.error_if_nonfinite(p.bytes.flag()));
    clip_grad_value_(&parameters, p.bytes.float())?;
    let tensors = [p.tensor()?, p.tensor()?];
    let total = get_total_norm(&tensors, norm_type, p.bytes.flag());
    clip_grads_with_norm_(&parameters, p.bytes.float(), &p.tensor()?)?;
    p.keep(norm?)?;
    p.keep(total?)
}

fn vectors(p: &mut Program) -> Result<()> {
    let parameters = parameters(p)?;
    let vector = parameters_to_vector(&parameters)?;
    vector_to_parameters(&vector, &parameters)?;
    let _ = vector_to_parameters(&p.tensor()?, &parameters);
    p.keep_and_go_back(vector)
}

fn again(p: &mut Program) -> Result<()> {
    let (module, x, y) = (p.module(), p.tensor()?, p.tensor()?);
    let options = CheckpointOptions::new().preserve_rng_state(p.bytes.flag());
    let inner = module.share_forward();
    let one = checkpoint(move |x: &Tensor| inner.call(x), &x);
    let two = checkpoint_with(options.clone(), |(x, y)| x.mul(y), &(x.clone(), y));
    let mut net = Sequential::new();
    for _ in 0..p.bytes.below(4) {
        net.push(p.module());
    }
    let three = checkpoint_sequential(&net, p.bytes.below(4), &x, options);
    for t in [one, two, three].into_iter().flatten() {
        p.keep_and_go_back(t)?;
    }
    Ok(())
}

/// What a layer's weight is computed of, whole or halved.
#[derive(Module)]
struct Own {
    several: bool,
}

impl Parametrization for Own {
    fn forward(&self, originals: &[Tensor]) -> Result<Tensor> {
        match originals {
            [one] => one.mul(0.5),
            [a, b, ..] => a.add(b),
            [] => Ok(Tensor::zeros(())),
        }
    }
    fn right_inverse(&self, value: &Tensor) -> Result<Option<Originals>> {
        Ok(Some(match self.several {
            true => vec![value.clone(), value.zeros_like()].into(),
            false => value.mul(2.0)?.into(),
        }))
    }
}

fn used(p: &mut Program, layer: &Linear) -> Result<()> {
    assert!(!layer.to_string().is_empty());
    let copy = layer.deep_copy();
    copy.load_state_dict(&layer.state_dict(), true)?;
    let x = p.tensor()?;
    let y = cached(|| layer.call(&x)).and_then(|y| y.add(&copy.call(&x)?));
    match y {
        Ok(y) => p.keep_and_go_back(y),
        Err(_) => Ok(()),
    }
}

fn parametrized(p: &mut Program) -> Result<()> {
    let layer = Linear::new(p.bytes.below(6), p.bytes.below(6));
    for _ in 0..p.bytes.below(4) {
        let name = p.bytes.text(&["weight", "bias", "x", ""]);
        let several = p.bytes.flag();
        let maps = [
            None,
            Some(OrthogonalMap::MatrixExp),
            Some(OrthogonalMap::Cayley),
            Some(OrthogonalMap::Householder),
        ];
        let map = p.bytes.pick(&maps);
        let _ = match p.bytes.below(7) {
            0 => register_parametrization(&layer, name, Own { several }),
            1 => register_parametrization_unchecked(&layer, name, Own { several }),
            2 => weight_norm(&layer, name, p.bytes.maybe(|b| b.dim())),
            3 => {
                let options = SpectralNormOptions::new().eps(p.bytes.float());
                let options = options.n_power_iterations(p.bytes.below(4) as i64);
                spectral_norm(&layer, name, options.dim(p.bytes.maybe(|b| b.dim())))
            }
            4 => {
                let options = OrthogonalOptions::new().orthogonal_map(map);
                orthogonal(&layer, name, options.use_trivialization(p.bytes.flag()))
            }
            5 => remove_parametrizations(&layer, name, p.bytes.flag()),
            _ => layer.weight.set_data(p.tensor()?),
        };
        assert!(is_parametrized(&layer, None) || !is_parametrized(&layer, name));
    }
    used(p, &layer)
}

fn pruned(p: &mut Program) -> Result<()> {
    let layer = Linear::new(p.bytes.below(6), p.bytes.below(6));
    for _ in 0..p.bytes.below(4) {
        let name = p.bytes.text(&["weight", "bias", "x"]);
        let amount = match p.bytes.flag() {
            true => Amount::Count(p.bytes.below(6)),
            false => Amount::Part(p.bytes.probability()),
        };
        let (scores, dim) = (p.tensor()?, p.bytes.dim());
        let scores = p.bytes.flag().then_some(&scores);
        let _ = match p.bytes.below(8) {
            0 => prune::identity(&layer, name),
            1 => prune::random_unstructured(&layer, name, amount),
            2 => prune::l1_unstructured(&layer, name, amount, scores),
            3 => prune::random_structured(&layer, name, amount, dim),
            4 => prune::ln_structured(&layer, name, amount, (p.bytes.float(), dim), scores),
            5 => prune::custom_from_mask(&layer, name, &p.tensor()?),
            6 => {
                let both: [(&dyn Module, &str); 2] = [(&layer, "weight"), (&layer, name)];
                let method = match p.bytes.flag() {
                    true => Unstructured::L1(amount),
                    false => Unstructured::Random(amount),
                };
                prune::global_unstructured(&both, method, &[None, scores])
            }
            _ => prune::remove(&layer, name),
        };
    }
    let _ = prune::is_pruned(&layer);
    used(p, &layer)
}

/// A lazy layer called twice; it is kept once it is a plain one.
fn lazy<L: Forward + ToString>(p: &mut Program, layer: L) -> Result<()> {
    assert!(!layer.to_string().is_empty());
    let x = p.tensor()?;
    // A tensor without elements may have a size that no weight should have.
    if !x.shape().iter().all(|&n| p.may_have(&[n, 8 * 8 * 8])) {
        return Ok(());
    }
    let (first, second) = (layer.call(&x), layer.call(&x));
    p.keep(first?)?;
    p.keep_and_go_back(second?)?;
    p.keep_module(layer);
    Ok(())
}

fn lazy_layers(p: &mut Program) -> Result<()> {
    let (n, dtype) = (p.bytes.below(6), p.bytes.dtype());
    let linear = LazyLinear::builder(n)
        .bias(p.bytes.flag())
        .dtype(dtype)
        .build()?;
    let copy = linear.deep_copy();
    assert!(linear.share().has_uninitialized_params() && copy.layer().is_none());
    copy.reset_parameters()?;
    if p.may_have(&[n, n]) {
        lazy(p, LazyLinear::new(n))?;
    }
    lazy(p, linear)
}

fn lazy_convs(p: &mut Program) -> Result<()> {
    let (n, kernel) = (p.bytes.below(6), p.bytes.below(4));
    lazy(p, LazyConv2d::new(n, kernel)).ok();
    let builder = LazyConvNd::<Plain, 2>::builder(n, kernel).groups(p.bytes.below(6));
    let builder = builder
        .padding_mode(p.bytes.padding_mode())
        .bias(p.bytes.flag());
    let builder = builder.stride(p.bytes.window()).dilation(p.bytes.window());
    let builder = builder.padding(p.bytes.padding()).dtype(p.bytes.dtype());
    lazy(p, builder.build()?).ok();
    let builder = LazyConvTranspose2d::builder(n, kernel).stride(2);
    let builder = builder.output_padding(p.bytes.each());
    lazy(p, builder.build()?)
}

/// A lazy norm, plain and with every option.
macro_rules! lazy_norm {
    ($p:ident, $layer:ident) => {{
        lazy($p, $layer::new()).ok();
        let builder = $layer::builder()
            .eps($p.bytes.float())
            .affine($p.bytes.flag());
        let builder = builder
            .momentum($p.bytes.maybe(|b| b.float()))
            .bias($p.bytes.flag());
        let builder = builder
            .track_running_stats($p.bytes.flag())
            .dtype($p.bytes.dtype());
        lazy($p, builder.build()?)
    }};
}

fn parameter_list(p: &mut Program) -> Result<()> {
    let mut list = ParameterList::new();
    for _ in 0..p.bytes.below(7) {
        let (at, parameter) = (p.bytes.dim(), p.parameter()?);
        match p.bytes.below(7) {
            0 => drop(list.remove(at)),
            1 => drop(list.get_mut(at).map(|old| *old = parameter)),
            2 => drop(list.pop()),
            3 => drop(list.set(at, parameter)),
            4 => drop(list.insert(at, parameter)),
            5 => list = list.append(parameter),
            _ => list.push(parameter),
        }
        assert!(list.get(-1).is_ok() != list.is_empty());
    }
    let part = list.slice(p.bytes.dim()..p.bytes.dim());
    assert!(part.len() <= list.len() && list.iter().count() == list.iter_mut().count());
    let _ = (list.to_string(), list.deep_copy().num_parameters());
    Ok(())
}

fn uninitialized(p: &mut Program) -> Result<()> {
    let (x, y, dtype) = (p.fresh()?, p.tensor()?, p.bytes.dtype());
    let (parameter, buffer) = (Parameter::frozen(&x), Buffer::new(x));
    for convert in [false, true] {
        if convert {
            parameter.convert(dtype)?;
            buffer.convert(dtype)?;
            assert_eq!((parameter.dtype(), buffer.dtype()), (dtype, dtype));
        }
        parameter.uninitialize()?;
        buffer.uninitialize()?;
        assert!(parameter.is_uninitialized() && buffer.is_uninitialized());
        assert!(parameter.try_tensor().is_err() && buffer.deep_copy().try_tensor().is_err());
        let _ = (parameter.to_string(), buffer.to_string());
    }
    parameter.set_data(&y)?;
    buffer.try_set(y)?;
    assert!(!parameter.is_uninitialized() && !buffer.is_uninitialized());
    Ok(())
}

pub const CALLS: &[Call] = &[
    call(
        "clip_grad_norm_ clip_grad_value_ clip_grads_with_norm_ get_total_norm ClipGradNorm::new \
         ClipGradNorm::norm_type ClipGradNorm::error_if_nonfinite",
        clipped,
    ),
    call("parameters_to_vector vector_to_parameters", vectors),
    call(
        "checkpoint checkpoint_with checkpoint_sequential CheckpointOptions::new \
         CheckpointOptions::preserve_rng_state",
        again,
    ),
    call(
        "register_parametrization register_parametrization_unchecked is_parametrized \
         remove_parametrizations cached weight_norm spectral_norm orthogonal \
         SpectralNormOptions::new SpectralNormOptions::eps SpectralNormOptions::dim \
         SpectralNormOptions::n_power_iterations OrthogonalOptions::new \
         OrthogonalOptions::orthogonal_map OrthogonalOptions::use_trivialization \
         Parametrization::forward Parametrization::right_inverse",
        parametrized,
    ),
    call(
        "identity random_unstructured l1_unstructured random_structured ln_structured \
         custom_from_mask global_unstructured remove is_pruned",
        pruned,
    ),
    call(
        "LazyLinear::new LazyLinear::builder LazyLinearBuilder::bias LazyLinearBuilder::dtype \
         LazyLinearBuilder::build Lazy::has_uninitialized_params Lazy::layer \
         Lazy::reset_parameters Lazy::share Lazy::deep_copy",
        lazy_layers,
    ),
    call(
        "LazyConvNd::new LazyConvNd::builder LazyConvNdBuilder::stride LazyConvNdBuilder::padding \
         LazyConvNdBuilder::dilation LazyConvNdBuilder::groups LazyConvNdBuilder::bias \
         LazyConvNdBuilder::padding_mode LazyConvNdBuilder::dtype LazyConvNdBuilder::build \
         LazyConvNdBuilder::output_padding",
        lazy_convs,
    ),
    call(
        "LazyBatchNorm::new LazyBatchNorm::builder LazyBatchNormBuilder::eps \
         LazyBatchNormBuilder::momentum LazyBatchNormBuilder::affine LazyBatchNormBuilder::bias \
         LazyBatchNormBuilder::track_running_stats LazyBatchNormBuilder::dtype \
         LazyBatchNormBuilder::build",
        |p| lazy_norm!(p, LazyBatchNorm2d),
    ),
    call(
        "LazyInstanceNorm::new LazyInstanceNorm::builder LazyInstanceNormBuilder::eps \
         LazyInstanceNormBuilder::momentum LazyInstanceNormBuilder::affine LazyInstanceNormBuilder::bias \
         LazyInstanceNormBuilder::track_running_stats LazyInstanceNormBuilder::dtype \
         LazyInstanceNormBuilder::build",
        |p| lazy_norm!(p, LazyInstanceNorm2d),
    ),
    call(
        "ParameterList::new ParameterList::append ParameterList::push ParameterList::insert \
         ParameterList::set ParameterList::remove ParameterList::pop ParameterList::get \
         ParameterList::get_mut ParameterList::len ParameterList::is_empty ParameterList::iter \
         ParameterList::iter_mut ParameterList::slice",
        parameter_list,
    ),
    call(
        "Parameter::uninitialize Parameter::is_uninitialized Parameter::convert \
         Buffer::uninitialize Buffer::is_uninitialized Buffer::convert",
        uninitialized,
    ),
    call("skip_init fuse_linear_bn", |p| {
        let (inputs, outputs) = (p.bytes.below(6), p.bytes.below(6));
        let linear = skip_init(|| Linear::new(inputs, outputs));
        let norm = BatchNorm1d::new(p.bytes.below(6));
        linear.eval();
        norm.eval();
        let fused = fuse_linear_bn_eval(&linear, &norm)?;
        p.keep_module(fused);
        Ok(())
    }),
];
