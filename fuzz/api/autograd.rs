//! The graph, parameters and buffers.

use pleach::autograd::functional::{hessian, jacobian, jvp, vjp};
use pleach::autograd::{
    self, GradOf, GradsOf, Operation, Options, Saved, Saves, apply, backward, grad,
    grad_allow_unused, gradcheck, gradgradcheck,
};
use pleach::{Buffer, Parameter, Result, Tensor, enable_grad, is_grad_enabled, no_grad};

use super::{Call, Program, call};

fn gradients(p: &mut Program) -> Result<()> {
    let outputs = [p.tensor()?, p.tensor()?];
    let inputs = [p.tensor()?, p.parameter()?.tensor()];
    let first = p.bytes.below(2);
    let outputs: Vec<&Tensor> = outputs.iter().skip(first).collect();
    let inputs: Vec<&Tensor> = inputs.iter().skip(p.bytes.below(3)).collect();
    let seeds = [p.same_shape(outputs[0])?, p.tensor()?];
    let seeds: Vec<Option<&Tensor>> = match p.bytes.below(4) {
        0 => vec![],
        1 => vec![None],
        2 => vec![Some(&seeds[0])],
        _ => vec![Some(&seeds[0]), Some(&seeds[1])],
    };
    let options = [Options::ONCE, Options::RETAIN_GRAPH, Options::CREATE_GRAPH][p.bytes.below(3)];
    match p.bytes.below(3) {
        0 => {
            let all = grad(&outputs, &inputs)?;
            assert_eq!(all.len(), inputs.len());
            for (g, x) in all.iter().zip(&inputs) {
                assert_eq!((g.shape(), g.dtype()), (x.shape(), x.dtype()));
            }
            p.keep_all(all)
        }
        1 => {
            let all = grad_allow_unused(&outputs, &inputs, &seeds, options)?;
            assert_eq!(all.len(), inputs.len());
            p.keep_all(all.into_iter().flatten().collect())
        }
        _ => backward(&outputs, &seeds, options),
    }
}

fn gradients_in_a_graph(p: &mut Program) -> Result<()> {
    let x = p.floats(&[2, 3])?.detach().requires_grad_(true)?;
    let y = x.mul(&x)?.exp()?;
    if p.bytes.flag() {
        y.retain_grad()?;
    }
    let seed = p.same_shape(&y)?;
    y.backward_with(&seed)?;
    if let Some(g) = x.grad() {
        assert_eq!(g.shape(), x.shape());
    }
    // The graph is gone now: a second step is an error.
    assert!(y.backward_with(&seed).is_err());
    p.keep(y)
}

/// An operation of a user, whose gradients may not fit its inputs.
#[derive(Clone)]
struct Own(Vec<Option<Tensor>>);

impl Operation for Own {
    type Inputs<'a> = (&'a Tensor, &'a Tensor);
    type Outputs = (Tensor, Tensor);
    fn name(&self) -> &'static str {
        "own"
    }
    fn forward(&self, (x, y): Self::Inputs<'_>, kept: &mut autograd::Own) -> Result<Self::Outputs> {
        kept.keep(x.clone());
        Ok((x.clone(), y.clone()))
    }
    fn saves(&self, call: autograd::Call<'_>) -> Saves {
        Saves::NONE.input_if(call.needs(1), 0).output(1)
    }
    fn backward(&self, saved: &Saved<'_>, grads: GradOf<'_, Self>) -> Result<GradsOf<Self>> {
        assert!(grads.iter().any(Option::is_some));
        saved.own(0)?;
        Ok([self.0[0].clone(), self.0.get(1).cloned().flatten()])
    }
}

fn own_operation(p: &mut Program) -> Result<()> {
    let (x, y) = (p.tensor()?, p.tensor()?);
    let grads = [
        Some(p.same_shape(&x)?.detach()),
        Some(p.tensor()?.detach()),
        None,
    ];
    let (first, last) = (p.bytes.below(2), p.bytes.below(2));
    let grads = grads[first..=first + last].to_vec();
    let (first, out) = apply(Own(grads), (&x, &y))?;
    p.keep(first)?;
    let went = p.backward_of(&out);
    if let Some(g) = x.grad() {
        assert_eq!((g.shape(), g.dtype()), (x.shape(), x.dtype()));
    }
    went
}

fn parameter_state(p: &mut Program) -> Result<()> {
    let parameter = p.parameter()?;
    let copy = parameter.deep_copy();
    assert!(!copy.same(&parameter) && parameter.share().same(&parameter));
    assert!(copy.id() != parameter.id() && parameter.handles() > 1);
    assert_eq!(copy.shape(), parameter.shape());
    assert_eq!(copy.numel(), parameter.numel());
    assert_eq!(copy.dtype(), parameter.dtype());
    let on = p.bytes.flag();
    // Inside its own update a parameter has no values to be read.
    copy.data().zero_()?;
    let _ =
        copy.update::<f32>(|_| assert!(copy.try_tensor().is_err() && copy.set_grad(None).is_ok()));
    copy.try_tensor()?;
    copy.set_requires_grad(on)?;
    copy.set_frozen(true);
    assert!(copy.is_frozen() && !copy.requires_grad());
    copy.set_frozen(false);
    assert_eq!(copy.requires_grad(), on);
    p.keep_parameter(copy);
    p.keep(parameter.tensor())
}

pub const CALLS: &[Call] = &[
    call(
        "Tensor::requires_grad_ Tensor::requires_grad Tensor::is_leaf Tensor::grad_fn",
        |p| {
            let (x, on) = (p.tensor()?, p.bytes.flag());
            assert!(x.is_leaf() == x.grad_fn().is_none());
            let x = x.requires_grad_(on)?;
            assert_eq!(x.requires_grad(), on);
            p.keep(x)
        },
    ),
    call(
        "Tensor::register_hook Parameter::register_hook HookHandle::remove",
        |p| {
            let (x, other) = (p.tensor()?, p.tensor()?);
            let parameter = Parameter::try_new(x.detach())?;
            let first = parameter.register_hook(|grad| Ok(Some(grad.clone())))?;
            let y = parameter.tensor().exp()?;
            let second = y.register_hook(move |_| Ok(Some(other.clone())))?;
            if p.bytes.flag() {
                second.remove();
            }
            let _ = y.sum()?.backward();
            first.remove();
            p.keep(y)
        },
    ),
    call("Tensor::grad Tensor::set_grad Tensor::retain_grad", |p| {
        let x = p.tensor()?;
        if p.bytes.flag() {
            x.retain_grad()?;
        }
        let g = match p.bytes.below(3) {
            0 => None,
            _ => Some(p.same_shape(&x)?),
        };
        x.set_grad(g)?;
        if let Some(g) = x.grad() {
            p.keep(g)?;
        }
        Ok(())
    }),
    call("Tensor::backward Tensor::backward_retain_graph", |p| {
        let x = p.tensor()?;
        match p.bytes.flag() {
            true => x.backward_retain_graph(),
            false => x.backward(),
        }
    }),
    call("Tensor::backward_with", |p| {
        let x = p.tensor()?;
        let g = p.same_shape(&x)?;
        x.backward_with(&g)
    }),
    call(
        "autograd::backward autograd::grad autograd::grad_allow_unused",
        gradients,
    ),
    call(
        "Tensor::backward_with Tensor::retain_grad",
        gradients_in_a_graph,
    ),
    call("autograd::gradcheck autograd::gradgradcheck", |p| {
        let x = p.floats(&[2])?.detach();
        let _ = gradcheck(|x| x[0].mul(&x[0]), std::slice::from_ref(&x));
        let _ = gradgradcheck(|x| x[0].mul(&x[0]), &[x]);
        Ok(())
    }),
    call(
        "Operation::name Operation::forward Operation::saves Operation::backward Own::keep \
         Saves::input_if Saves::output Call::needs Saved::own",
        own_operation,
    ),
    call(
        "functional::vjp functional::jvp functional::jacobian \
         functional::hessian",
        |p| {
            let inputs = [p.floats(&[2])?.detach(), p.floats(&[3, 1])?.detach()];
            let f = |x: &[Tensor]| x[0].mul(&x[1])?.exp();
            let all = [p.tensor()?, p.tensor()?];
            let (y, grads) = vjp(f, &inputs, &p.tensor()?)?;
            p.keep(y)?;
            p.keep_all(grads)?;
            p.keep(jvp(f, &inputs, &all)?.1)?;
            p.keep_all(jacobian(f, &inputs)?)?;
            p.keep_all(hessian(|x| f(x)?.sum(), &inputs)?.remove(0))
        },
    ),
    call("no_grad enable_grad is_grad_enabled", |p| {
        let x = p.tensor()?;
        let y = no_grad(|| {
            assert!(!is_grad_enabled());
            let inner = enable_grad(|| x.mul(&x))?;
            x.add(inner.detach())
        })?;
        assert!(!y.requires_grad());
        p.keep(y)
    }),
    call("Parameter::new Parameter::try_new Parameter::frozen", |p| {
        let x = p.tensor()?;
        p.keep_parameter(Parameter::frozen(x.clone()));
        if x.dtype().is_float() {
            p.keep_parameter(Parameter::new(x.clone()));
        }
        Parameter::try_new(x).map(|made| p.keep_parameter(made))
    }),
    call(
        "Parameter::share Parameter::deep_copy Parameter::id Parameter::handles Parameter::same \
         Parameter::shape Parameter::numel Parameter::dtype Parameter::tensor \
         Parameter::try_tensor \
         Parameter::requires_grad Parameter::set_requires_grad Parameter::is_frozen \
         Parameter::set_frozen",
        parameter_state,
    ),
    call("Parameter::data Parameter::set_data Data::set", |p| {
        let (parameter, x) = (p.parameter()?, p.tensor()?);
        p.keep(parameter.data().detach())?;
        match p.bytes.flag() {
            true => parameter.set_data(x),
            false => parameter.data().set(x).map(drop),
        }
    }),
    call("Parameter::update Parameter::update_slice", |p| {
        let (parameter, value) = (p.parameter()?, p.bytes.float());
        parameter.update_slice::<f64>(|all| all.fill(value))?;
        parameter.update::<f32>(|mut all| all.fill(value as f32))
    }),
    call(
        "Parameter::grad Parameter::set_grad Parameter::zero_grad",
        |p| {
            let parameter = p.parameter()?;
            if let Some(g) = parameter.grad() {
                assert_eq!(g.shape(), parameter.shape());
                p.keep(g)?;
            }
            if p.bytes.one_in(4) {
                parameter.zero_grad();
            }
            let g = p.same_shape(&parameter.tensor())?;
            parameter.set_grad(p.bytes.maybe(|_| g))
        },
    ),
    call(
        "Buffer::new Buffer::non_persistent Buffer::share Buffer::deep_copy Buffer::same Buffer::id",
        |p| {
            let buffer = p.buffer()?;
            let copy = buffer.deep_copy();
            assert!(
                !copy.same(&buffer) && buffer.share().same(&buffer) && copy.id() != buffer.id()
            );
            let made = [
                Buffer::new(p.tensor()?),
                Buffer::non_persistent(p.tensor()?),
            ];
            assert!(made[0].is_persistent() && !made[1].is_persistent());
            Ok(())
        },
    ),
    call(
        "Buffer::tensor Buffer::try_tensor Buffer::set Buffer::try_set Buffer::update Buffer::shape Buffer::dtype Buffer::is_persistent",
        |p| {
            let (buffer, x) = (p.buffer()?, p.tensor()?);
            buffer.set(x);
            assert_eq!(buffer.shape(), buffer.tensor().shape());
            assert_eq!(buffer.dtype(), buffer.tensor().dtype());
            let value = p.bytes.scalar();
            buffer.update(|t| {
                assert!(buffer.try_tensor().is_err() && buffer.try_set(&*t).is_err());
                t.fill_(value).map(drop)
            })?;
            p.keep(buffer.tensor())
        },
    ),
];
