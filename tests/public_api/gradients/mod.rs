//! Every public function whose result has a gradient, and every layer and loss, is in a table of this
//! folder, or in [`left_out`] with a reason. The rows of the tables are compared with differences: first
//! and second derivatives, of inputs of any layout in memory.

mod functionals;
mod layers;
mod left_out;
mod tensors;

use std::collections::BTreeSet;

use pleach::autograd::{Options, grad_allow_unused, gradcheck, gradgradcheck};
use pleach::{Error, Generator, Parameter, Result, Tensor};

use self::left_out::{DRAWN, FUNCTIONS, LAYERS, ONCE};
use crate::common::{other, rearranged};
use crate::sources::{exports, public_functions, texts};

type Function = fn(&[Tensor]) -> Result<Tensor>;

/// A public function, named as it is called, and the inputs it is differentiated by.
pub struct Row {
    name: &'static str,
    f: Function,
    inputs: Vec<Tensor>,
}

/// What a function returns, as one tensor.
trait Outputs {
    fn all(self) -> Vec<Tensor>;
}

impl Outputs for Tensor {
    fn all(self) -> Vec<Tensor> {
        vec![self]
    }
}

impl Outputs for Vec<Tensor> {
    fn all(self) -> Vec<Tensor> {
        self
    }
}

impl Outputs for (Tensor, Tensor) {
    fn all(self) -> Vec<Tensor> {
        vec![self.0, self.1]
    }
}

/// The outputs that may have gradients.
fn one(outputs: Result<impl Outputs>) -> Result<Tensor> {
    let mut all = outputs?.all();
    all.retain(|y| y.dtype().is_float());
    match &all[..] {
        [y] => Ok(y.clone()),
        _ => Tensor::cat(
            all.iter().map(Tensor::ravel).collect::<Result<Vec<_>>>()?,
            0,
        ),
    }
}

/// `Tensor::add, [x, y], |f, x| f(&x[0], &x[1]);`: `f` is the function of that name, which must be used.
macro_rules! rows {
    ($($path:path, [$($input:expr),*], |$f:ident, $x:ident| $body:expr;)*) => {
        vec![$($crate::gradients::Row {
            name: stringify!($path),
            f: |$x| {
                let $f = $path;
                $crate::gradients::one($body)
            },
            inputs: vec![$($input.clone()),*],
        }),*]
    };
}

/// Rows of methods that change a copy of the first input.
macro_rules! changes {
    ($($path:path, [$($input:expr),*], |$f:ident, $y:ident, $x:ident| $body:expr;)*) => {
        vec![$($crate::gradients::Row {
            name: stringify!($path),
            f: |$x| {
                let mut changed = $x[0].copy()?;
                let ($f, $y) = ($path, &mut changed);
                $body?;
                Ok(changed)
            },
            inputs: vec![$($input.clone()),*],
        }),*]
    };
}
use {changes, rows};

/// Values at least 0.001 apart from each other, in no order, half of them negative.
fn apart(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    let ranks = Generator::seeded(3).scope(|| Tensor::randperm(n).double());
    let values = ranks.unwrap().add(0.3 - n as f64 / 2.0).unwrap();
    values.mul(4.0 / n as f64).unwrap().reshape(shape).unwrap()
}

/// The weights of what a function returns: no two errors cancel.
fn weighed(y: &Tensor) -> Result<Tensor> {
    y.mul(other(y.shape()))?.sum()
}

/// The gradient of `y` by the leaves, each with weights, as one number.
fn gradient_of(y: &Tensor, leaves: &[Tensor]) -> Result<Tensor> {
    let refs: Vec<&Tensor> = leaves.iter().collect();
    let grads = grad_allow_unused(&[y], &refs, &[], Options::CREATE_GRAPH)?;
    // It depends on the leaves even where the function is linear.
    let mut sum = leaves[0].sum()?.mul(0.0)?;
    for grad in grads.iter().flatten() {
        sum = sum.add(weighed(grad)?)?;
    }
    Ok(sum)
}

const STEP: f64 = 6e-6;

fn compare(what: String, got: f64, quotient: f64, size: f64) -> Result<()> {
    let off = (got - quotient).abs();
    match off <= 1e-6 + 1e-5 * quotient.abs() + 1e-9 * size {
        true => Ok(()),
        false => Err(Error::value(format!(
            "{what}: {got}, but the difference quotient is {quotient}"
        ))),
    }
}

/// Compares the derivative along one direction, for inputs that are too large for one of each element.
fn along(value: &dyn Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<()> {
    let leaves = inputs.iter().map(|x| x.detach().requires_grad_(true));
    let leaves = leaves.collect::<Result<Vec<_>>>()?;
    let refs: Vec<&Tensor> = leaves.iter().collect();
    let grads = grad_allow_unused(&[&value(&leaves)?], &refs, &[], Options::ONCE)?;
    let directions: Vec<Tensor> = inputs
        .iter()
        .map(|x| other(x.shape()).flip(-1))
        .collect::<Result<_>>()?;
    let (mut got, mut size) = (0.0, 0.0);
    for (grad, direction) in grads.iter().zip(&directions) {
        let Some(grad) = grad else { continue };
        let products = grad.mul(direction)?;
        got += products.sum()?.item()?;
        size += products.abs()?.sum()?.item()?;
    }
    let moved = |by: f64| -> Result<f64> {
        let moved = inputs
            .iter()
            .zip(&directions)
            .map(|(x, d)| x.add_alpha(d, by));
        value(&moved.collect::<Result<Vec<_>>>()?)?.item()
    };
    let quotient = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
    compare("along a direction".into(), got, quotient, size)
}

/// Runs `run` for each row; all failures in one text.
fn all(rows: Vec<Row>, run: impl Fn(&Row) -> Result<()>) {
    let failures: Vec<String> = rows
        .iter()
        .enumerate()
        .filter_map(|(i, row)| {
            run(row)
                .err()
                .map(|e| format!("{}, row {i}: {e}", row.name))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// First and second derivatives of each element, also with inputs in another order of memory, of which
/// the results are the same; but random numbers are drawn in that order.
fn check(rows: Vec<Row>) {
    all(rows, |row| {
        gradcheck(row.f, &row.inputs)?;
        twice(row.name, || gradgradcheck(row.f, &row.inputs))?;
        let moved: Vec<Tensor> = row.inputs.iter().map(rearranged).collect();
        gradcheck(row.f, &moved)?;
        let (a, b) = ((row.f)(&row.inputs)?, (row.f)(&moved)?);
        match a.allclose(&b, 1e-12, 1e-12)? || DRAWN.contains(&row.name) {
            true => Ok(()),
            false => Err(Error::value(format!("{a} but rearranged {b}"))),
        }
    });
}

/// Second derivatives, or that there are none.
fn twice(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    match (run(), ONCE.contains(&name)) {
        (result, false) => result,
        (Err(e), true) if e.to_string().contains("is not implemented") => Ok(()),
        (result, true) => Err(Error::value(format!(
            "it should have no second derivative: {result:?}"
        ))),
    }
}

/// First and second derivatives along a direction.
fn check_large(rows: Vec<Row>) {
    all(rows, |row| {
        along(&|x| weighed(&(row.f)(x)?), &row.inputs)?;
        along(
            &|x| match x.iter().any(Tensor::requires_grad) {
                true => gradient_of(&weighed(&(row.f)(x)?)?, x),
                false => {
                    let x = x.iter().map(|x| x.clone().requires_grad_(true));
                    let x = x.collect::<Result<Vec<_>>>()?;
                    gradient_of(&weighed(&(row.f)(&x)?)?, &x)
                }
            },
            &row.inputs,
        )
    });
}

#[test]
fn functions_of_elements_have_the_right_derivatives() {
    check(tensors::of_elements(&[2, 17], &[17]));
    // Those that change a tensor keep its shape.
    let shapes: [(&[usize], &[usize]); 4] = [
        (&[3, 1], &[5]),
        (&[], &[2, 3]),
        (&[2], &[]),
        (&[0, 3], &[3]),
    ];
    for (shape, other) in shapes {
        let mut rows = tensors::of_elements(shape, other);
        rows.retain(|row| !row.name.ends_with('_'));
        check(rows);
    }
}

#[test]
fn functions_of_many_elements_have_the_right_derivatives() {
    check_large(tensors::of_elements(&[3, 1031], &[3, 1]));
}

#[test]
fn functions_of_rows_have_the_right_derivatives() {
    check(tensors::of_rows(&[3, 7]));
}

#[test]
fn functions_of_long_rows_have_the_right_derivatives() {
    check_large(tensors::of_rows(&[3, 1031]));
    check_large(tensors::of_rows(&[131, 33]));
}

#[test]
fn functions_of_parts_have_the_right_derivatives() {
    check(tensors::of_parts());
    check(tensors::of_calls());
}

#[test]
fn functionals_have_the_right_derivatives() {
    check(functionals::rows());
    check_large(functionals::large());
}

/// A layer, with the inputs it is differentiated by beside its parameters.
pub struct Layer {
    name: &'static str,
    run: fn() -> Result<()>,
}

/// Compares the derivatives by each element of the leaves.
fn each(what: &str, leaves: &[Parameter], value: &dyn Fn() -> Result<Tensor>) -> Result<()> {
    let tensors: Vec<Tensor> = leaves.iter().map(Parameter::tensor).collect();
    let refs: Vec<&Tensor> = tensors.iter().collect();
    let grads = grad_allow_unused(&[&value()?], &refs, &[], Options::ONCE)?;
    for (i, (leaf, grad)) in leaves.iter().zip(grads).enumerate() {
        let data = leaf.data().copy()?;
        let grad = grad.map_or(Ok(vec![0.0; data.numel()]), |g| g.to_vec::<f64>())?;
        for (j, got) in grad.into_iter().enumerate() {
            let moved = |by: f64| -> Result<f64> {
                let mut values = data.to_vec::<f64>()?;
                values[j] += by;
                leaf.set_data(Tensor::from_vec(values, data.shape())?)?;
                value()?.item()
            };
            let quotient = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
            compare(format!("{what} of {i}, element {j}"), got, quotient, 0.0)?;
        }
        leaf.set_data(data)?;
    }
    Ok(())
}

/// First and second derivatives of a module by its parameters and inputs.
fn check_module(
    name: &str,
    parameters: Vec<Parameter>,
    inputs: Vec<Tensor>,
    f: &dyn Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<()> {
    let inputs: Vec<Parameter> = inputs.into_iter().map(Parameter::new).collect();
    let mut leaves: Vec<Parameter> = inputs.iter().map(Parameter::share).collect();
    leaves.extend(parameters);
    let value = || {
        let x: Vec<Tensor> = inputs.iter().map(Parameter::tensor).collect();
        Generator::seeded(7).scope(|| weighed(&f(&x)?))
    };
    each("gradient", &leaves, &value)?;
    let second = || {
        let leaves: Vec<Tensor> = leaves.iter().map(Parameter::tensor).collect();
        gradient_of(&value()?, &leaves)
    };
    twice(name, || each("second derivative", &leaves, &second))
}

#[test]
fn layers_and_losses_have_the_right_derivatives() {
    let failures: Vec<String> = layers::all()
        .into_iter()
        .filter_map(|layer| (layer.run)().err().map(|e| format!("{}: {e}", layer.name)))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn names<'a>(lists: impl IntoIterator<Item = &'a (&'a str, &'a str)>) -> BTreeSet<String> {
    let words = lists.into_iter().flat_map(|list| list.0.split_whitespace());
    words.map(str::to_string).collect()
}

/// Compares what is public with what the tables check and what the list leaves out.
fn complete(public: BTreeSet<String>, checked: BTreeSet<String>, left_out: BTreeSet<String>) {
    let either: BTreeSet<String> = checked.union(&left_out).cloned().collect();
    let missing: Vec<_> = public.difference(&either).collect();
    assert!(
        missing.is_empty(),
        "in no table, and not left out: {missing:#?}"
    );
    let both: Vec<_> = checked.intersection(&left_out).collect();
    assert!(both.is_empty(), "in a table, and left out: {both:#?}");
    let unknown: Vec<_> = either.difference(&public).collect();
    assert!(unknown.is_empty(), "not public: {unknown:#?}");
}

#[test]
fn every_function_with_a_gradient_is_in_a_table() {
    let functions = public_functions(&["core", "nn"])
        .into_iter()
        .map(|f| f.name);
    let public = functions.filter(|name| match name.split_once("::") {
        Some((owner, _)) => owner == "Tensor",
        None => !name.contains(' '),
    });
    let rows = [
        tensors::of_elements(&[1], &[1]),
        tensors::of_rows(&[3, 3]),
        tensors::of_parts(),
        tensors::of_calls(),
        functionals::rows(),
    ];
    // `F::relu` is `relu`.
    let checked = rows
        .iter()
        .flatten()
        .map(|row| row.name.trim_start_matches("F::").to_string());
    let mut checked: BTreeSet<String> = checked.collect();
    checked.extend(layers::FUNCTIONS.map(str::to_string));
    complete(public.collect(), checked, names(FUNCTIONS));
}

#[test]
fn every_layer_and_loss_is_in_a_table() {
    let texts = texts(&["nn"]).into_iter();
    let lists: Vec<String> = texts
        .filter(|(path, _)| path.ends_with("layers/mod.rs") || path.ends_with("losses/mod.rs"))
        .map(|file| file.1)
        .collect();
    let public = exports(&lists).into_iter();
    let public = public.filter(|n| n.starts_with(char::is_uppercase) && !n.ends_with("Builder"));
    let checked = layers::all()
        .iter()
        .map(|layer| layer.name.to_string())
        .collect();
    complete(public.collect(), checked, names(LAYERS));
}
