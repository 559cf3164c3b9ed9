//! Einstein's summation: products of tensors, with dimensions named by letters.

use std::collections::BTreeMap;

use crate::{Error, Result, Tensor};

/// The name of a dimension. Letters are 0 to 51, capitals first as in PyTorch's order; what an
/// ellipsis stands for is [`ELLIPSIS`] + its distance from the right.
type Label = usize;

const ELLIPSIS: Label = 52;

/// A tensor whose dimensions have names.
struct Term {
    tensor: Tensor,
    labels: Vec<Label>,
}

/// One side of an equation: labels, and where an ellipsis stands among them.
struct Subscripts {
    labels: Vec<Label>,
    ellipsis: Option<usize>,
}

fn letter(label: Label) -> char {
    match label {
        0..26 => (b'A' + label as u8) as char,
        26..52 => (b'a' + (label - 26) as u8) as char,
        _ => '.',
    }
}

/// Reads the subscripts of one tensor; `start` is their place in the equation, for messages.
fn parse(text: &str, start: usize, side: &str) -> Result<Subscripts> {
    let (mut labels, mut ellipsis) = (Vec::new(), None);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let at = start + text.len() - rest.len();
        match c {
            ' ' => {}
            'A'..='Z' => labels.push(c as usize - 'A' as usize),
            'a'..='z' => labels.push(c as usize - 'a' as usize + 26),
            '.' if rest.starts_with("...") && ellipsis.is_none() => {
                ellipsis = Some(labels.len());
                rest = &rest[2..];
            }
            '.' => {
                return Err(Error::value(format!(
                    "einsum(): found '.' for {side} that is not part of any ellipsis"
                )));
            }
            _ => {
                return Err(Error::value(format!(
                    "einsum(): invalid subscript given at index {at} in the equation string, subscripts must be in [a-zA-Z]"
                )));
            }
        }
        rest = &rest[c.len_utf8()..];
    }
    Ok(Subscripts { labels, ellipsis })
}

/// Names an operand's dimensions; a name that occurs twice becomes one, the diagonal.
fn name_dimensions(tensor: &Tensor, subscripts: &Subscripts, operand: usize) -> Result<Term> {
    let (named, rank) = (subscripts.labels.len(), tensor.rank());
    let mut labels = subscripts.labels.clone();
    match subscripts.ellipsis {
        Some(at) if named <= rank => {
            let hidden = rank - named;
            labels.splice(at..at, (0..hidden).rev().map(|k| ELLIPSIS + k));
        }
        None if named == rank => {}
        Some(_) | None => {
            let (more, hint) = match subscripts.ellipsis {
                Some(_) => ("is more than", "even with an ellipsis"),
                None => ("does not match", "and no ellipsis was given"),
            };
            return Err(Error::shape(format!(
                "einsum(): the number of subscripts in the equation ({named}) {more} the number of dimensions ({rank}) for operand {operand} {hint}"
            )));
        }
    }
    let mut term = Term {
        tensor: tensor.clone(),
        labels,
    };
    let mut a = 0;
    while a < term.labels.len() {
        let label = term.labels[a];
        let Some(b) = (a + 1..term.labels.len()).find(|b| term.labels[*b] == label) else {
            a += 1;
            continue;
        };
        let (x, y) = (term.tensor.shape()[a], term.tensor.shape()[b]);
        if x != y {
            return Err(Error::shape(format!(
                "einsum(): subscript {} is repeated for operand {operand} but the sizes don't match, {y} != {x}",
                letter(label)
            )));
        }
        let others = (0..term.labels.len()).filter(|d| *d != a && *d != b);
        let order: Vec<i64> = [a, b].into_iter().chain(others).map(|d| d as i64).collect();
        // The diagonal of the first two dimensions becomes the last.
        term.tensor = term.tensor.permute(&order[..])?.diagonal(0)?;
        term.labels.remove(b);
        term.labels.remove(a);
        term.labels.push(label);
        a = 0;
    }
    Ok(term)
}

impl Term {
    /// Sums over the dimensions whose name is not `wanted`.
    fn keep(self, wanted: impl Fn(Label) -> bool) -> Result<Term> {
        let summed: Vec<i64> = (0..self.labels.len())
            .filter(|d| !wanted(self.labels[*d]))
            .map(|d| d as i64)
            .collect();
        if summed.is_empty() {
            return Ok(self);
        }
        let labels = self.labels.into_iter().filter(|l| wanted(*l)).collect();
        Ok(Term {
            tensor: self.tensor.sum_dim(summed, false)?,
            labels,
        })
    }

    /// The place of the dimension with this name.
    fn place(&self, label: Label) -> Option<usize> {
        self.labels.iter().position(|own| *own == label)
    }

    /// The dimensions in the order of `labels`; those that it does not have are left out.
    fn ordered(&self, labels: &[Label]) -> Result<Tensor> {
        let places = labels.iter().filter_map(|l| self.place(*l));
        self.tensor
            .permute(places.map(|d| d as i64).collect::<Vec<_>>())
    }

    /// The dimensions in the order of `labels`, each of the given size (1 is expanded), as
    /// `[batch, rows, columns]` where the groups have these numbers of dimensions.
    fn matrix(&self, groups: [&[Label]; 3], size: &dyn Fn(Label) -> usize) -> Result<Tensor> {
        let labels = groups.concat();
        let sizes: Vec<usize> = labels.iter().map(|l| size(*l)).collect();
        let whole = self.ordered(&labels)?.expand(sizes)?;
        let flat = groups.map(|group| group.iter().map(|l| size(*l)).product::<usize>());
        whole.reshape(flat)
    }

    /// The product of two terms, summed over the shared names that are not `wanted` later.
    fn times(self, other: Term, wanted: &dyn Fn(Label) -> bool) -> Result<Term> {
        let left = self.keep(|l| other.labels.contains(&l) || wanted(l))?;
        let right = other.keep(|l| left.labels.contains(&l) || wanted(l))?;
        let size = |l: Label| {
            let sizes = [&left, &right].into_iter();
            let sizes = sizes.filter_map(|t| Some(t.tensor.shape()[t.place(l)?]));
            sizes.reduce(|a, b| if a == 1 { b } else { a }).unwrap_or(1)
        };
        let of = |term: &Term, f: &dyn Fn(Label) -> bool| -> Vec<Label> {
            term.labels.iter().copied().filter(|l| f(*l)).collect()
        };
        let shared = |l: Label| right.labels.contains(&l);
        let batch = of(&left, &|l| shared(l) && wanted(l));
        let inner = of(&left, &|l| shared(l) && !wanted(l));
        let rows = of(&left, &|l| !shared(l));
        let columns = of(&right, &|l| !left.labels.contains(&l));
        let product = left
            .matrix([&batch, &rows, &inner], &size)?
            .bmm(&right.matrix([&batch, &inner, &columns], &size)?)?;
        let labels = [batch, rows, columns].concat();
        let shape: Vec<usize> = labels.iter().map(|l| size(*l)).collect();
        Ok(Term {
            tensor: product.reshape(shape)?,
            labels,
        })
    }
}

/// Checks that dimensions of one name have one size (or 1).
fn check_sizes(terms: &[Term]) -> Result<()> {
    let mut seen: BTreeMap<Label, usize> = BTreeMap::new();
    for (operand, term) in terms.iter().enumerate() {
        for (&label, &size) in term.labels.iter().zip(term.tensor.shape()) {
            let known = seen.entry(label).or_insert(1);
            if *known != 1 && size != 1 && *known != size {
                return Err(Error::shape(format!(
                    "einsum(): subscript {} has size {size} for operand {operand} which does not broadcast with previously seen size {known}",
                    letter(label)
                )));
            }
            if *known == 1 {
                *known = size;
            }
        }
    }
    Ok(())
}

/// The names of the result's dimensions where the equation does not give them: what the ellipsis
/// stands for, then every letter that occurs once, in alphabetical order.
fn implied_output(inputs: &[Subscripts]) -> Subscripts {
    let mut counts = [0usize; ELLIPSIS];
    for label in inputs.iter().flat_map(|s| &s.labels) {
        counts[*label] += 1;
    }
    Subscripts {
        labels: (0..ELLIPSIS).filter(|l| counts[*l] == 1).collect(),
        ellipsis: Some(0),
    }
}

/// Sums of products, written with a letter for each dimension: letters that the result lacks are
/// summed over. `...` stands for any dimensions, which broadcast; without `->` the result has the
/// letters that occur once, in order. The operands are multiplied from left to right.
///
/// # Errors
/// If the equation cannot be read, or does not fit the operands.
///
/// ```
/// use pleach::{einsum, tensor};
/// let x = tensor![[1., 2.], [3., 4.]];
/// let y = tensor![[1., 0.], [1., 1.]];
/// assert_eq!(einsum("ij,jk->ik", &[&x, &y])?.to_vec::<f32>()?, [3., 2., 7., 4.]);
/// assert_eq!(einsum("ii", &[&x])?.item()?, 5.0); // the trace
/// # Ok::<(), pleach::Error>(())
/// ```
pub fn einsum(equation: &str, operands: &[&Tensor]) -> Result<Tensor> {
    if operands.is_empty() {
        return Err(Error::value("einsum(): must provide at least one operand"));
    }
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation, None),
    };
    let mut inputs = Vec::new();
    let mut start = 0;
    for (i, text) in left.split(',').enumerate() {
        inputs.push(parse(text, start, &format!("operand {i}"))?);
        start += text.len() + 1;
    }
    if inputs.len() != operands.len() {
        let which = ["more", "fewer"][usize::from(inputs.len() > operands.len())];
        return Err(Error::value(format!(
            "einsum(): {which} operands were provided than specified in the equation"
        )));
    }
    let output = match right {
        Some(text) => parse(text, start + 1, "the output")?,
        None => implied_output(&inputs),
    };
    let terms: Vec<Term> = operands
        .iter()
        .zip(&inputs)
        .enumerate()
        .map(|(i, (tensor, subscripts))| name_dimensions(tensor, subscripts, i))
        .collect::<Result<_>>()?;
    check_sizes(&terms)?;
    let labels = output_labels(&output, &terms)?;

    // A name is wanted while the result or an operand still to come has it.
    let names: Vec<Vec<Label>> = terms.iter().map(|t| t.labels.clone()).collect();
    let mut terms = terms.into_iter().enumerate();
    let Some((_, mut product)) = terms.next() else {
        unreachable!("there is at least one operand")
    };
    for (i, term) in terms {
        let later = &names[i + 1..];
        let wanted = |l: Label| labels.contains(&l) || later.iter().any(|n| n.contains(&l));
        product = product.times(term, &wanted)?;
    }
    let product = product.keep(|l| labels.contains(&l))?;
    product.ordered(&labels)
}

/// The names of the result's dimensions, the ellipsis written out.
fn output_labels(output: &Subscripts, terms: &[Term]) -> Result<Vec<Label>> {
    let mut labels = output.labels.clone();
    for (i, label) in labels.iter().enumerate() {
        if labels[..i].contains(label) {
            return Err(Error::value(format!(
                "einsum(): output subscript {} appears more than once in the output",
                letter(*label)
            )));
        }
        if !terms.iter().any(|t| t.labels.contains(label)) {
            return Err(Error::value(format!(
                "einsum(): output subscript {} does not appear in the equation for any input operand",
                letter(*label)
            )));
        }
    }
    if let Some(at) = output.ellipsis {
        let hidden = terms
            .iter()
            .flat_map(|t| &t.labels)
            .filter(|l| **l >= ELLIPSIS)
            .max()
            .map_or(0, |l| l - ELLIPSIS + 1);
        labels.splice(at..at, (0..hidden).rev().map(|k| ELLIPSIS + k));
    }
    Ok(labels)
}
