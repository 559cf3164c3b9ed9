//! `#[module(transparent)]`: one's own subclass of a layer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pleach::nn::fuse;
use pleach::prelude::*;

/// A `Linear` whose output is scaled.
#[derive(Module)]
#[module(transparent)]
struct MyLinear {
    inner: Linear,
    scale: Parameter,
    /// Whether `forward` runs the inner layer by `call`.
    calls: bool,
}

impl MyLinear {
    fn new(calls: bool) -> Self {
        MyLinear {
            inner: Linear::new(4, 2),
            scale: Parameter::new(tensor![3.0]),
            calls,
        }
    }
}

impl Forward for MyLinear {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let y = match self.calls {
            true => self.inner.call(input)?,
            false => self.inner.forward(input)?,
        };
        y.mul(self.scale.tensor())
    }
}

/// A wrapper of a wrapper, without a name level either.
#[derive(Module)]
#[module(transparent, name = "Outer")]
struct Twice(MyLinear);

impl Forward for Twice {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.0.call(input)
    }
}

fn names(module: &dyn Module) -> Vec<String> {
    module.named_parameters().into_iter().map(|p| p.0).collect()
}

#[test]
fn the_members_of_the_inner_module_are_the_wrappers_own() -> Result<()> {
    let layer = MyLinear::new(false);
    assert_eq!(names(&layer), ["weight", "bias", "scale"]);
    // As PyTorch prints a subclass of nn.Linear.
    assert_eq!(
        layer.to_string(),
        "MyLinear(in_features=4, out_features=2, bias=True)"
    );
    let net = sequential![layer, Twice(MyLinear::new(true))];
    assert_eq!(
        net.to_string(),
        "Sequential(\n  (0): MyLinear(in_features=4, out_features=2, bias=True)\n  \
         (1): Outer(in_features=4, out_features=2, bias=True)\n)"
    );
    let keys: Vec<String> = net.state_dict().keys().map(str::to_string).collect();
    let expected = [
        "0.weight", "0.bias", "0.scale", "1.weight", "1.bias", "1.scale",
    ];
    assert_eq!(keys, expected);
    assert_eq!(net.modules().len(), 3);
    net.load_state_dict(&net.state_dict(), true)?;
    Ok(())
}

#[test]
fn downcasts_find_the_wrapper_and_what_it_wraps() {
    let mut net = sequential![Twice(MyLinear::new(true)), Linear::new(4, 2)];
    assert!(net[0].is::<Twice>() && net[0].is::<MyLinear>() && net[0].is::<Linear>());
    assert!(!net[1].is::<MyLinear>());
    let mut linears = 0;
    net.apply_to::<Linear>(|linear| linears += linear.out_features);
    assert_eq!(linears, 4);
    net[0].downcast_mut::<Linear>().unwrap().bias = None;
    assert_eq!(names(net.children()[0]), ["weight", "scale"]);
}

#[test]
fn it_has_the_identity_mode_and_version_of_what_it_wraps() {
    #[derive(Module)]
    #[module(transparent)]
    struct MyNorm(Box<BatchNorm2d>);
    let norm = MyNorm(Box::new(BatchNorm2d::new(3)));
    assert_eq!((norm.version(), Linear::new(1, 1).version()), (2, 1));
    assert!(same(&norm, &*norm.0) && same(&norm, &norm.share()));
    assert!(!same(&norm, &norm.deep_copy()));
    norm.eval();
    assert!(!norm.0.is_training());

    // A subclass of a class that is a named Sequential prints its own name.
    #[derive(Module)]
    #[module(transparent)]
    struct Mine(Sequential);
    let mine = Mine(Sequential::named("ConvNormActivation").append(ReLU::new()));
    assert_eq!(mine.to_string(), "Mine(\n  (0): ReLU()\n)");

    #[derive(Module)]
    #[module(transparent)]
    struct Any<M: Module>(M);
    let list: ModuleList = (0..2).map(|_| ReLU::new()).collect();
    assert_eq!(Any(list).to_string(), "Any(\n  (0-1): 2 x ReLU()\n)");
}

#[test]
fn hooks_run_once_around_the_wrappers_forward() -> Result<()> {
    let x = Tensor::ones([1, 4]);
    let nets = [
        sequential![MyLinear::new(false)],
        sequential![MyLinear::new(true)],
        sequential![Twice(MyLinear::new(false))],
        sequential![Twice(MyLinear::new(true))],
    ];
    for net in nets {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = count.clone();
        let plain = net[0].downcast_ref::<Linear>().unwrap().forward(&x)?;
        let expected = plain.mul(3.0)?.to_vec::<f32>()?;
        let given = expected.clone();
        let handle = net[0].register_forward_hook(move |module, _, y| {
            // It sees the wrapper and its output, as a hook on a subclass does.
            assert!(module.is::<MyLinear>());
            assert_eq!(y[0].to_vec::<f32>()?, given);
            seen.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })?;
        assert_eq!(net.call(&x)?.to_vec::<f32>()?, expected);
        assert_eq!(count.load(Ordering::Relaxed), 1);
        handle.remove();
        // Called by itself, the inner module runs its hooks as ever.
        let inner = net[0].downcast_ref::<Linear>().unwrap();
        let seen = count.clone();
        let _ = inner.register_forward_hook(move |_, _, _| {
            seen.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })?;
        inner.call(&x)?;
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
    Ok(())
}

#[test]
fn an_alias_of_the_inner_module_inside_another_module_is_called_as_ever() -> Result<()> {
    /// Calls a module, and the inner one's alias through another module.
    #[derive(Module)]
    #[module(transparent)]
    struct Branches {
        inner: Linear,
        other: Sequential,
    }
    impl Forward for Branches {
        fn forward(&self, input: &Tensor) -> Result<Tensor> {
            self.inner.call(input)?.add(self.other.call(input)?)
        }
    }
    let inner = Linear::new(2, 2);
    let other = sequential![inner.share()];
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let _ = inner.register_forward_hook(move |_, _, _| {
        seen.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })?;
    Branches { inner, other }.call(&Tensor::ones([1, 2]))?;
    assert_eq!(count.load(Ordering::Relaxed), 2);
    Ok(())
}

#[test]
fn errors_name_the_wrapper() {
    let net = sequential![Twice(MyLinear::new(true))];
    let error = net.call(&Tensor::ones([1, 3])).unwrap_err().to_string();
    let expected = "0 (Outer): addmm: mat1 and mat2 shapes cannot be multiplied (1x3 and 4x2)";
    assert_eq!(error.lines().next(), Some(expected));
}

#[test]
fn layers_that_are_fused_leave_a_wrappers_forward_alone() -> Result<()> {
    manual_seed(1);
    macro_rules! doubled {
        ($name:ident, $inner:ty) => {
            #[derive(Module)]
            #[module(transparent)]
            struct $name($inner);
            impl Forward for $name {
                fn forward(&self, input: &Tensor) -> Result<Tensor> {
                    self.0.call(input)?.mul(2.0)
                }
            }
        };
    }
    doubled!(Relu, ReLU);
    doubled!(Pool, MaxPool2d);
    doubled!(Conv, Conv2d);
    doubled!(Norm, BatchNorm2d);
    let (conv, norm, pool) = (Conv2d::new(1, 1, 1), BatchNorm2d::new(1), MaxPool2d::new(2));
    norm.running_mean.as_ref().unwrap().set(tensor![0.5]);
    let x = Tensor::randn([1, 1, 4, 4]);
    let plain = sequential![conv.share(), norm.share(), ReLU::new(), pool.share()];
    let mut nets = [
        sequential![Conv(conv.share()), norm.share(), ReLU::new(), pool.share()],
        sequential![conv.share(), Norm(norm.share()), ReLU::new(), pool.share()],
        sequential![conv.share(), norm.share(), Relu(ReLU::new()), pool.share()],
        sequential![conv, norm, ReLU::new(), Pool(pool)],
    ];
    plain.eval();
    nets.iter().for_each(|net| net.eval());
    let same = |net: &Sequential, twice: &Tensor| -> Result<f64> {
        net.call(&x)?.sub(twice)?.abs()?.max()?.item()
    };
    let doubled = plain.call(&x)?.mul(2.0)?;
    // Doubled before it is centred.
    let first = nets[0].call(&x)?;
    assert!(same(&plain, &first)? > 1e-3);
    for (i, net) in nets.iter_mut().enumerate() {
        let expected = if i == 0 { &first } else { &doubled };
        assert!(same(net, expected)? < 1e-5, "{net}");
        let folded = fuse(net, |net| net.call(&x))?;
        assert_eq!(folded.len(), usize::from(i > 1));
        assert!(same(net, expected)? < 1e-5, "{net}");
    }
    Ok(())
}
