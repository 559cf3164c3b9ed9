//! Values computed again, lazy layers, computed parameters: what the tables of golden cases do not say.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use pleach_core::autograd::{self, Options, gradcheck, gradgradcheck};
use pleach_core::{DType, Generator, Parameter, Result, Tensor, manual_seed, no_grad, tensor};
use pleach_kernels::buffer::held_bytes;
use pleach_nn::layers::{
    BatchNorm1d, Conv2d, Dropout, LazyBatchNorm1d, LazyConv2d, LazyInstanceNorm1d,
    LazyInstanceNorm2d, LazyLinear, Linear, SiLU,
};
use pleach_nn::utils::parametrizations::{SpectralNormOptions, spectral_norm, weight_norm};
use pleach_nn::utils::parametrize::{
    Parametrization, cached, is_parametrized, register_parametrization, remove_parametrizations,
};
use pleach_nn::utils::prune::Unstructured;
use pleach_nn::utils::{
    CheckpointOptions, ClipGradNorm, checkpoint, checkpoint_sequential, checkpoint_with,
    clip_grad_norm_, get_total_norm, prune, skip_init, vector_to_parameters,
};
use pleach_nn::{Forward, Module, ModuleExt, ParameterList, Sequential, StateDict};

fn net() -> Sequential {
    Sequential::new()
        .append(Linear::builder(3, 4).dtype(DType::F64).build().unwrap())
        .append(SiLU::new())
        .append(Linear::builder(4, 2).dtype(DType::F64).build().unwrap())
}

fn values(t: &Tensor) -> Vec<f64> {
    t.to_vec_f64()
}

#[test]
fn what_is_computed_again_has_first_and_second_derivatives() -> Result<()> {
    manual_seed(1);
    let x = Tensor::randn_of([2, 3], DType::F64)?;
    let block = Arc::new(net());
    let inner = block.clone();
    // One part inside another.
    let nested = move |x: &Tensor| {
        let inner = inner.clone();
        let y = checkpoint(move |x: &Tensor| inner.call(x), x)?;
        y.exp()?.mul(x.narrow(1, 0, 2)?)
    };
    let f = |x: &[Tensor]| checkpoint(nested.clone(), &x[0]);
    gradcheck(f, std::slice::from_ref(&x))?;
    gradgradcheck(f, std::slice::from_ref(&x))?;
    // A tuple of inputs, and several outputs.
    let pair = |x: &[Tensor]| {
        let inputs = (x[0].clone(), x[1].clone());
        let two = checkpoint(|(a, b)| Ok((a.mul(b)?, a.exp()?)), &inputs)?;
        two.0.add(&two.1.mul(3.0)?)
    };
    let y = Tensor::randn_of([2, 3], DType::F64)?;
    gradcheck(pair, &[x.clone(), y.clone()])?;
    gradgradcheck(pair, &[x.clone(), y])?;

    // Parameters inside get the gradients of the plain way, by `grad` and by `backward`.
    let weight = block.parameters()[0].share();
    let again = block.clone();
    let loss = checkpoint(move |x: &Tensor| again.call(x), &x)?
        .square()?
        .sum()?;
    let plain = block.call(&x)?.square()?.sum()?;
    let grad = |loss: &Tensor| autograd::grad(&[loss], &[&weight.tensor()]);
    let options = Options::RETAIN_GRAPH;
    let (a, w) = (weight.tensor(), weight.tensor());
    let kept = autograd::grad_allow_unused(&[&loss], &[&w], &[], options)?;
    let wanted = grad(&plain)?;
    assert_eq!(values(kept[0].as_ref().unwrap()), values(&wanted[0]));
    assert!(a.grad().is_none());
    loss.backward()?;
    assert_eq!(values(&weight.grad().unwrap()), values(&wanted[0]));
    let freed = loss.backward().unwrap_err().to_string();
    assert!(freed.contains("a second time"), "{freed}");
    // Without recording it is a call.
    let quiet = block.clone();
    assert!(!no_grad(|| checkpoint(move |x: &Tensor| quiet.call(x), &x))?.requires_grad());
    // What is returned as it came keeps its history.
    let leaf = x.requires_grad_(true)?;
    assert!(checkpoint(|x: &Tensor| Ok(x.clone()), &leaf)?.is_leaf());
    Ok(())
}

#[test]
fn hooks_of_leaves_run_once_and_random_numbers_are_those_of_the_first_run() -> Result<()> {
    let leaf = Tensor::ones([1000]).requires_grad_(true)?;
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let x = leaf.mul(2.0)?;
    for t in [&leaf, &x] {
        let count = count.clone();
        let _ = t.register_hook(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(None)
        })?;
    }
    let dropout = Dropout::new(0.5);
    let (first, second) = (dropout.share(), dropout.share());
    manual_seed(3);
    let y = checkpoint(move |x: &Tensor| first.call(x), &x)?;
    let after = Generator::current().get_state();
    y.sum()?.backward()?;
    assert_eq!(seen.load(Ordering::Relaxed), 2);
    assert_eq!(leaf.grad().unwrap().to_vec::<f32>()?, y.to_vec::<f32>()?);
    assert!(Generator::current().get_state() == after);

    leaf.set_grad(None)?;
    let options = CheckpointOptions::new().preserve_rng_state(false);
    let y = checkpoint_with(options, move |x: &Tensor| second.call(x), &leaf.mul(2.0)?)?;
    y.sum()?.backward()?;
    assert_ne!(leaf.grad().unwrap().to_vec::<f32>()?, y.to_vec::<f32>()?);
    Ok(())
}

#[test]
fn another_second_run_is_an_error() -> Result<()> {
    let run = |f: fn(&Tensor, usize) -> Result<Tensor>| -> Result<()> {
        let calls = AtomicUsize::new(0);
        let x = Tensor::ones([4, 4]).requires_grad_(true)?;
        let f = move |x: &Tensor| f(x, calls.fetch_add(1, Ordering::Relaxed));
        checkpoint(f, &x.exp()?)?.sum()?.backward()
    };
    type Function = fn(&Tensor, usize) -> Result<Tensor>;
    let cases: [(Function, &str); 3] = [
        (|x, n| x.narrow(0, 0, 2 + n), "another output 0"),
        (|x, n| x.narrow(0, 0, 2 + n)?.sum(), "another operation"),
        (
            |x, n| if n == 0 { x.exp() } else { x.exp()?.neg() },
            "another operation",
        ),
    ];
    for (f, text) in cases {
        let error = run(f).unwrap_err().to_string();
        assert!(error.contains("different metadata than during the forward pass"));
        assert!(error.contains(text), "{error}");
    }
    assert!(run(|x, _| x.exp()).is_ok());
    Ok(())
}

/// Notes the most memory that is held when it is called and when its gradient arrives.
struct Probe(Arc<AtomicI64>);

impl Probe {
    fn see(&self, x: &Tensor) -> Result<Tensor> {
        self.0.fetch_max(held_bytes(), Ordering::Relaxed);
        if x.requires_grad() {
            let peak = self.0.clone();
            let _ = x.register_hook(move |_| {
                peak.fetch_max(held_bytes(), Ordering::Relaxed);
                Ok(None)
            })?;
        }
        Ok(x.clone())
    }
}

#[test]
fn peak_memory_falls() -> Result<()> {
    const SIDE: usize = 64;
    let peak = |again: bool| -> Result<i64> {
        let most = Arc::new(AtomicI64::new(0));
        let begin = held_bytes();
        let mut x = Tensor::ones([SIDE, SIDE]).requires_grad_(true)?;
        for _ in 0..8 {
            let probe = Probe(most.clone());
            // Eight values of this size for backward.
            let block = move |x: &Tensor| {
                let mut x = x.clone();
                for _ in 0..8 {
                    x = probe.see(&x.mul(0.5)?.exp()?)?;
                }
                Ok(x)
            };
            x = match again {
                true => checkpoint(block, &x)?,
                false => block(&x)?,
            };
        }
        x.sum()?.backward()?;
        Ok(most.load(Ordering::Relaxed) - begin)
    };
    let (plain, again) = (peak(false)?, peak(true)?);
    let one = (SIDE * SIDE * 4) as i64;
    assert!(plain >= 60 * one, "{}", plain / one);
    assert!(again <= 24 * one, "{}", again / one);
    Ok(())
}

#[test]
fn a_long_chain_of_parts_is_walked_and_dropped() -> Result<()> {
    let leaf = tensor![1.0].requires_grad_(true)?;
    let mut x = leaf.clone();
    for _ in 0..10_000 {
        x = checkpoint(|x: &Tensor| x.mul(1.0), &x)?;
    }
    x.backward()?;
    assert_eq!(leaf.grad().unwrap().item()?, 1.0);
    let net = net();
    assert!(
        checkpoint_sequential(&net, 4, &Tensor::ones([1, 3]), CheckpointOptions::new()).is_err()
    );
    assert!(
        checkpoint_sequential(&net, 0, &Tensor::ones([1, 3]), CheckpointOptions::new()).is_err()
    );
    Ok(())
}

#[test]
fn clipping_refuses_what_pytorch_refuses() -> Result<()> {
    let p = Parameter::new(tensor![1.0, 2.0]);
    p.set_grad(Some(tensor![f32::INFINITY, 1.0]))?;
    let strict = ClipGradNorm::new(1.0).error_if_nonfinite(true);
    let error = clip_grad_norm_(&[p.share()], strict)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(
            "The total norm of order 2.0 for gradients from `parameters` is non-finite"
        )
    );
    // Of two dtypes the norm has the wider one.
    let norm = get_total_norm(
        &[tensor![3.0], Tensor::full_of([1], 4.0, DType::F64)],
        2.0,
        false,
    )?;
    assert_eq!((norm.item()?, norm.dtype()), (5.0, DType::F64));
    assert_eq!(get_total_norm(&[], 2.0, true)?.item()?, 0.0);
    assert!(vector_to_parameters(&tensor![1.0], &[p.share()]).is_err());
    assert!(vector_to_parameters(&tensor![[1.0, 2.0]], &[p.share()]).is_err());
    assert_eq!(p.data().to_vec::<f32>()?, [1.0, 2.0]);
    let norm = skip_init(|| BatchNorm1d::new(3));
    assert_eq!(norm.parameters().len(), 2);
    Ok(())
}

#[test]
fn lazy_layers_are_plain_ones_after_their_first_call() -> Result<()> {
    let linear = LazyLinear::builder(3).dtype(DType::F64).build()?;
    let (alias, copy) = (linear.share(), linear.deep_copy());
    let held = linear.parameters();
    assert_eq!(held[0].to_string(), "<UninitializedParameter>");
    assert!(linear.state_dict().is_empty() && linear.downcast_ref::<Linear>().is_none());
    let error = held[0].try_tensor().unwrap_err().to_string();
    assert!(
        error.starts_with("Attempted to use an uninitialized parameter"),
        "{error}"
    );
    assert!(linear.call(&tensor![1.0].reshape(())?).is_err());
    linear.to_dtype(DType::F32)?;
    linear.eval();
    let counts = Arc::new(AtomicUsize::new(0));
    let seen = counts.clone();
    let _ = linear.register_forward_hook(move |_, _, _| {
        seen.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })?;
    linear.call(&Tensor::ones([2, 5]))?;
    linear.call(&Tensor::ones([2, 5]))?;
    assert_eq!(counts.load(Ordering::Relaxed), 2);
    // The handles that were there before are those of the layer.
    assert_eq!(held[0].shape(), [3, 5]);
    assert_eq!(held[0].dtype(), DType::F32);
    let plain = linear.downcast_ref::<Linear>().unwrap();
    assert!(plain.in_features == 5 && plain.weight.same(&held[0]) && !plain.is_training());
    let text = "Linear(in_features=5, out_features=3, bias=True)";
    assert_eq!([linear.to_string(), alias.to_string()], [text, text]);
    assert_eq!(
        copy.to_string(),
        "LazyLinear(in_features=0, out_features=3, bias=True)"
    );
    assert!(copy.has_uninitialized_params() && !alias.has_uninitialized_params());
    assert!(linear.call(&Tensor::ones([2, 4])).is_err());

    // A loaded one takes the shapes that it is given, and keeps them.
    let loaded = LazyLinear::new(3);
    let error = loaded.load_state_dict(&StateDict::new(), true).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("Missing key(s) in state_dict: \"weight\", \"bias\". ")
    );
    loaded.load_state_dict(&linear.state_dict(), true)?;
    assert_eq!(loaded.type_name(), "LazyLinear");
    let error = loaded.call(&Tensor::ones([2, 4])).unwrap_err().to_string();
    assert!(error.contains("inferred from input: 4"), "{error}");
    let x = Tensor::ones([2, 5]);
    assert_eq!(
        loaded.call(&x)?.to_vec::<f32>()?,
        linear.call(&x)?.to_vec::<f32>()?
    );
    assert_eq!(loaded.to_string(), text);
    Ok(())
}

#[test]
fn lazy_layers_print_and_refuse_as_in_pytorch() -> Result<()> {
    let conv = LazyConv2d::builder(9, 3).groups(3).build()?;
    assert_eq!(
        conv.to_string(),
        "LazyConv2d(0, 9, kernel_size=(3, 3), stride=(1, 1), groups=3)"
    );
    let texts = [
        (
            vec![3, 3],
            "Expected 3D (unbatched) or 4D (batched) input to LazyConv2d, but got input of size: torch.Size([3, 3])",
        ),
        (vec![1, 4, 5, 5], "in_channels must be divisible by groups"),
    ];
    for (shape, text) in texts {
        let error = conv.call(&Tensor::zeros(shape)).unwrap_err().to_string();
        assert!(error.ends_with(text), "{error}");
    }
    assert!(conv.has_uninitialized_params());
    let norm = LazyBatchNorm1d::builder().affine(false).build()?;
    assert_eq!(
        norm.to_string(),
        "LazyBatchNorm1d(0, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)"
    );
    assert_eq!(
        norm.state_dict().keys().collect::<Vec<_>>(),
        ["num_batches_tracked"]
    );
    let norm = LazyInstanceNorm2d::builder().momentum(None).build()?;
    let text = "(0, eps=1e-05, momentum=None, affine=True, bias=True, track_running_stats=True)";
    assert_eq!(norm.to_string(), format!("LazyInstanceNorm2d{text}"));
    // The number of channels is taken from the second dimension, also without a batch.
    let error = norm
        .call(&Tensor::zeros([4, 5, 5]))
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("expected input's size at dim=0 to match num_features (5), but got: 4."),
        "{error}"
    );
    // Nothing depends on the number.
    let norm = LazyInstanceNorm1d::builder().affine(false);
    let norm = norm.track_running_stats(false).build()?;
    norm.call(&Tensor::ones([2, 4, 5]))?;
    assert_eq!(
        norm.to_string(),
        "InstanceNorm1d(0, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)"
    );
    Ok(())
}

#[test]
fn a_parameter_list_is_pytorchs() -> Result<()> {
    let parameter = |n: usize| Parameter::new(Tensor::ones([n]));
    let mut list = ParameterList::new().append(parameter(1));
    list.extend([parameter(2), parameter(3)]);
    assert_eq!(
        list.to_string(),
        "ParameterList(\n    (0): Parameter containing: [torch.float32 of size 1]\n    (1): Parameter containing: [torch.float32 of size 2]\n    (2): Parameter containing: [torch.float32 of size 3]\n)"
    );
    assert!(list.slice(1..)[0].same(&list[1]));
    list.set(-1, parameter(4))?;
    list[0].set_data(Tensor::zeros([5]))?;
    let shapes: Vec<_> = list.iter().map(Parameter::numel).collect();
    assert_eq!(shapes, [5, 2, 4]);
    assert_eq!(
        list.get(5).err().unwrap().to_string(),
        "index 5 is out of range"
    );
    let copy = list.deep_copy();
    assert!(!copy[0].same(&list[0]) && copy.len() == 3);
    assert_eq!(
        list.state_dict().keys().collect::<Vec<_>>(),
        ["0", "1", "2"]
    );
    Ok(())
}

/// Twice the original, with a parameter of its own.
#[derive(Module)]
struct Scaled {
    scale: Parameter,
}

impl Parametrization for Scaled {
    fn forward(&self, originals: &[Tensor]) -> Result<Tensor> {
        originals[0].mul(self.scale.try_tensor()?)
    }
}

fn scaled() -> Scaled {
    Scaled {
        scale: Parameter::new(tensor![2.0]),
    }
}

fn names(module: &dyn Module) -> Vec<String> {
    module
        .named_parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn a_parametrized_model_prints_and_lists_as_in_pytorch() -> Result<()> {
    let linear = Linear::new(2, 3);
    weight_norm(&linear, "weight", 0)?;
    spectral_norm(&linear, "bias", SpectralNormOptions::new())?;
    let net = Sequential::new().append(linear).append(BatchNorm1d::new(3));
    assert_eq!(
        net.to_string(),
        "Sequential(
  (0): ParametrizedLinear(
    in_features=2, out_features=3, bias=True
    (parametrizations): ModuleDict(
      (weight): ParametrizationList(
        (0): _WeightNorm()
      )
      (bias): ParametrizationList(
        (0): _SpectralNorm()
      )
    )
  )
  (1): BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
)"
    );
    let wanted = [
        "0.parametrizations.weight.original0",
        "0.parametrizations.weight.original1",
        "0.parametrizations.bias.original",
        "1.weight",
        "1.bias",
    ];
    assert_eq!(names(&net), wanted);
    assert_eq!(net.state_dict().keys().take(5).collect::<Vec<_>>(), wanted);
    let modules: Vec<_> = net
        .named_modules()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let parts = ["", ".weight", ".weight.0", ".bias", ".bias.0"];
    let parts = parts.map(|part| format!("0.parametrizations{part}"));
    assert_eq!(
        modules,
        [
            &["".to_string(), "0".to_string()][..],
            &parts,
            &["1".to_string()]
        ]
        .concat()
    );
    // Its parts can be read, not replaced.
    let mut net = net;
    assert!(net.get_module("0.parametrizations.weight").is_ok());
    assert!(net.get_module_mut("0.parametrizations.weight").is_err());
    assert!(
        net.set_module("0.parametrizations.weight", SiLU::new())
            .is_err()
    );
    assert!(
        net.set_parameter(
            "0.parametrizations.bias.original",
            Parameter::new(tensor![1.0])
        )
        .is_err()
    );
    net.to_dtype(DType::F64)?;
    assert_eq!(
        net.call(&Tensor::ones_of([4, 2], DType::F64))?.dtype(),
        DType::F64
    );
    Ok(())
}

#[test]
fn aliases_agree_and_copies_are_their_own() -> Result<()> {
    let linear = Linear::new(2, 3);
    let tied = Parameter::share(&linear.weight);
    let alias = linear.share();
    register_parametrization(&linear, "weight", scaled())?;
    let later = linear.share();
    let raw = values(&tied.tensor());
    let doubled: Vec<f64> = raw.iter().map(|v| v * 2.0).collect();
    for layer in [&linear, &alias, &later] {
        assert_eq!(values(&layer.weight.tensor()), doubled);
        assert_eq!(
            names(layer)[1..],
            [
                "parametrizations.weight.original",
                "parametrizations.weight.0.scale"
            ]
        );
    }
    // A handle is the parameter, not the field.
    assert!(tied.same(&linear.get_parameter("parametrizations.weight.original")?));
    assert_eq!(values(&tied.data()), raw);

    let both = Sequential::new()
        .append(linear.share())
        .append(Linear::new(3, 2))
        .append(linear.share());
    let copy = both.deep_copy();
    assert_eq!(names(&copy), names(&both));
    for p in copy.parameters() {
        p.set_data(p.data().zeros_like())?;
    }
    assert_eq!(values(&copy.call(&Tensor::ones([1, 2]))?), [0.0; 3]);
    let field =
        |net: &Sequential, i: usize| net[i].downcast_ref::<Linear>().unwrap().weight.tensor();
    assert_eq!(values(&field(&copy, 0)), [0.0; 6]);
    assert_eq!(values(&field(&copy, 2)), [0.0; 6]);
    assert_eq!(values(&linear.weight.tensor()), doubled);

    // Reading, writing and setting the field.
    let before = linear.weight.data();
    assert_eq!(values(&before), doubled);
    assert!(linear.weight.data().fill_(1.0).is_err());
    assert!(linear.weight.update_slice::<f32>(|w| w.fill(1.0)).is_err());
    let error = linear
        .weight
        .set_data(Tensor::ones([3, 2]))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "parametrization Scaled does not implement right_inverse."
    );
    assert!(linear.weight.grad().is_none() && linear.weight.requires_grad());
    linear.call(&Tensor::ones([1, 2]))?.sum()?.backward()?;
    assert_eq!(values(&tied.grad().unwrap()), [2.0; 6]);

    // The end, for all aliases; then once more.
    remove_parametrizations(&alias, "weight", false)?;
    assert!(!is_parametrized(&later, None) && names(&linear) == ["weight", "bias"]);
    assert_eq!(values(&later.weight.data()), raw);
    weight_norm(&later, "weight", None)?;
    assert!(is_parametrized(&alias, "weight") && linear.weight.tensor().grad_fn().is_some());
    assert_eq!(linear.weight.shape(), [3, 2]);
    assert_eq!(
        linear
            .get_parameter("parametrizations.weight.original0")?
            .shape(),
        [0usize; 0]
    );
    remove_parametrizations(&linear, "weight", true)?;
    assert!(linear.weight.same(&tied) && later.weight.requires_grad());
    assert!(linear.weight.data().allclose(
        &Tensor::from_slice(&raw, [3, 2])?.float()?,
        1e-6,
        0.0
    )?);
    Ok(())
}

/// Counts how often it computes.
#[derive(Module)]
struct Counted {
    #[module(skip)]
    count: Arc<AtomicUsize>,
}

impl Parametrization for Counted {
    fn forward(&self, originals: &[Tensor]) -> Result<Tensor> {
        self.count.fetch_add(1, Ordering::Relaxed);
        originals[0].t()?.t()
    }
}

#[test]
fn cached_values_are_computed_once() -> Result<()> {
    let linear = Linear::new(2, 2);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Counted {
        count: count.clone(),
    };
    register_parametrization(&linear, "weight", counted)?;
    let calls = |f: &dyn Fn() -> Result<()>| -> Result<usize> {
        let before = count.load(Ordering::Relaxed);
        f()?;
        Ok(count.load(Ordering::Relaxed) - before)
    };
    let twice = || -> Result<()> {
        linear.call(&linear.call(&Tensor::ones([1, 2]))?)?;
        Ok(())
    };
    assert_eq!(calls(&twice)?, 2);
    assert_eq!(
        calls(&|| cached(|| cached(twice).and_then(|()| twice())))?,
        1
    );
    assert_eq!(calls(&|| cached(twice))?, 1);
    Ok(())
}

#[test]
fn parametrizations_and_prunings_refuse_as_in_pytorch() -> Result<()> {
    #[derive(Module)]
    struct As(fn(&Tensor) -> Result<Tensor>);
    impl Parametrization for As {
        fn forward(&self, originals: &[Tensor]) -> Result<Tensor> {
            (self.0)(&originals[0])
        }
    }
    let m = &Linear::new(2, 3);
    let normed = &Linear::new(2, 3);
    weight_norm(normed, "weight", 0)?;
    let options = SpectralNormOptions::new;
    let repr = "Linear(in_features=2, out_features=3, bias=True)";
    let unsafe_shape = "Registering a parametrization may not change the shape of the tensor, unless `unsafe` flag is enabled.\nunparametrized shape: torch.Size([3, 2])\nparametrized shape: torch.Size([2, 3])";
    let unsafe_dtype = "Registering a parametrization may not change the dtype of the tensor, unless `unsafe` flag is enabled.\nunparametrized dtype: torch.float32\nparametrized dtype: torch.float64";
    let cases = [
        (register_parametrization(m, "weight", As(|x| x.t())), unsafe_shape.to_string()),
        (register_parametrization(m, "weight", As(|x| x.double())), unsafe_dtype.to_string()),
        (register_parametrization(m, "wight", As(|x| x.t())), format!("Module '{repr}' does not have a parameter, a buffer, or a parametrized element with name 'wight'")),
        (remove_parametrizations(m, "weight", true), format!("Module {repr} does not have a parametrization on weight")),
        (remove_parametrizations(normed, "weight", false), "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of tensors.".into()),
        (spectral_norm(m, "weight", options().n_power_iterations(0)), "Expected n_power_iterations to be positive, but got n_power_iterations=0".into()),
        (spectral_norm(m, "weight", options().dim(2)), "Dimension out of range (expected to be in range of [-2, 1] but got 2)".into()),
        (weight_norm(m, "weight", 5), "Dimension out of range (expected to be in range of [-2, 1], but got 5)".into()),
        (prune::l1_unstructured(m, "weight", 7, None), "amount=7 should be smaller than the number of parameters to prune=6".into()),
        (prune::l1_unstructured(m, "weight", 1.5, None), "amount=1.5 should either be a float in the range [0, 1] or a non-negative integer".into()),
        (prune::ln_structured(m, "bias", 1, (2.0, 0), None), "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape torch.Size([3]) with 1 dims".into()),
        (prune::remove(m, "weight"), format!("Parameter 'weight' of module {repr} has to be pruned before pruning can be removed")),
        (prune::custom_from_mask(m, "weight", &Tensor::ones([2])), "default_mask shape torch.Size([3, 2]) must match self.mask shape torch.Size([2])".into()),
    ];
    for (result, text) in cases {
        assert_eq!(result.unwrap_err().to_string(), text);
    }
    assert_eq!(m.to_string(), repr);
    assert!(prune::identity(normed, "weight").is_err());
    Ok(())
}

#[test]
fn scores_stand_in_the_place_of_values_when_several_are_pruned_as_one() -> Result<()> {
    let masks = |scores: &[Option<&Tensor>], amount: usize| -> Result<Vec<f64>> {
        let (a, b) = (Linear::new(2, 2), Linear::new(2, 1));
        let both: [(&dyn Module, &str); 2] = [(&a, "weight"), (&b, "weight")];
        prune::global_unstructured(&both, Unstructured::L1(amount.into()), scores)?;
        let mask = |m: &Linear| values(&m.state_dict()["weight_mask"]);
        Ok([mask(&a), mask(&b)].concat())
    };
    // The masks are PyTorch's.
    let (first, second) = (tensor![[1., 2.], [3., 4.]], tensor![[0., 10.]]);
    assert_eq!(
        masks(&[Some(&first), Some(&second)], 3)?,
        [0., 0., 1., 1., 0., 1.]
    );
    let signed = tensor![[1., -2.], [3., -4.]];
    assert_eq!(masks(&[Some(&signed)], 2)?, [1., 1., 1., 1., 0., 0.]);
    assert!(masks(&[None, Some(&first)], 1).is_err() && masks(&[None; 3], 1).is_err());
    Ok(())
}

#[test]
fn apply_reaches_parametrizations_as_in_pytorch() -> Result<()> {
    let mut net = Sequential::new()
        .append(Linear::new(3, 3))
        .append(SiLU::new());
    let linear = net[0].downcast_ref::<Linear>().unwrap();
    register_parametrization(linear, "weight", scaled())?;
    register_parametrization(linear, "weight", scaled())?;
    register_parametrization(linear, "bias", scaled())?;
    let mut seen = Vec::new();
    net.apply(&mut |m| {
        seen.push(m.type_name());
        if let Some(scaled) = m.downcast_ref::<Scaled>() {
            scaled.scale.data().fill_(3.0).unwrap();
        }
    });
    let list = "ParametrizationList";
    let names = [
        "Scaled",
        "Scaled",
        list,
        "Scaled",
        list,
        "ModuleDict",
        "Linear",
        "SiLU",
        "Sequential",
    ];
    assert_eq!(seen, names);
    let linear = net[0].downcast_ref::<Linear>().unwrap();
    let original = net.get_parameter("0.parametrizations.weight.original")?;
    let nine = original.data().mul(9.0)?;
    assert!(linear.weight.tensor().allclose(&nine, 1e-6, 0.0)?);
    let paths: Vec<_> = net
        .named_modules()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(
        paths[2..5],
        [
            "0.parametrizations",
            "0.parametrizations.weight",
            "0.parametrizations.weight.0"
        ]
    );
    Ok(())
}

#[test]
fn a_state_dict_without_values_is_for_what_has_none() -> Result<()> {
    let net = || {
        Sequential::new()
            .append(LazyBatchNorm1d::new())
            .append(Linear::new(3, 2))
    };
    let state = net().state_dict();
    assert_eq!(
        state.keys().collect::<Vec<_>>(),
        ["0.num_batches_tracked", "1.weight", "1.bias"]
    );
    assert_eq!(
        state.uninitialized(),
        ["0.weight", "0.bias", "0.running_mean", "0.running_var"]
    );
    let lazy = net();
    assert_eq!(lazy.load_state_dict(&state, true)?, Default::default());
    assert!(lazy.named_parameters()[0].1.is_uninitialized());
    let whole = Sequential::new()
        .append(BatchNorm1d::new(3))
        .append(Linear::new(3, 2));
    let text = whole
        .load_state_dict(&state, false)
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("load an uninitialized parameter into an initialized one"),
        "{text}"
    );
    lazy.load_state_dict(&whole.state_dict(), true)?;
    assert_eq!(lazy.state_dict().uninitialized().len(), 0);
    let keys = Linear::new(3, 2).load_state_dict(&LazyBatchNorm1d::new().state_dict(), false);
    assert!(keys.is_err());
    let keys = Sequential::new().load_state_dict(&state, false)?;
    assert_eq!(keys.unexpected_keys.len(), 7);
    Ok(())
}

#[test]
fn a_pruned_model_lists_saves_and_copies() -> Result<()> {
    let conv = Conv2d::new(1, 2, 2);
    prune::identity(&conv, "bias")?;
    prune::l1_unstructured(&conv, "weight", 4, None)?;
    assert!(prune::is_pruned(&conv) && conv.to_string().starts_with("Conv2d(1, 2"));
    assert_eq!(names(&conv), ["bias_orig", "weight_orig"]);
    let state = conv.state_dict();
    assert_eq!(
        state.keys().collect::<Vec<_>>(),
        ["bias_orig", "weight_orig", "bias_mask", "weight_mask"]
    );
    assert!(register_parametrization(&conv, "weight", scaled()).is_err());
    assert!(conv.weight.set_data(Tensor::ones([2, 1, 2, 2])).is_err());

    let copy = conv.deep_copy();
    copy.get_parameter("weight_orig")?
        .set_data(Tensor::full([2, 1, 2, 2], 3.0))?;
    let kept = copy.weight.tensor();
    assert_eq!(kept.eq(3.0)?.sum()?.item()?, 4.0);
    assert_eq!(kept.eq(0.0)?.sum()?.item()?, 4.0);
    assert!(
        !conv
            .weight
            .tensor()
            .eq(3.0)?
            .any()?
            .item_i64()
            .is_ok_and(|n| n > 0)
    );
    copy.load_state_dict(&state, true)?;
    assert_eq!(values(&copy.weight.tensor()), values(&conv.weight.tensor()));
    prune::remove(&copy, "weight")?;
    assert_eq!(names(&copy), ["weight", "bias_orig"]);
    assert!(prune::is_pruned(&copy));
    Ok(())
}
