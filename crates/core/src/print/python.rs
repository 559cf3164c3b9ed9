//! Python's text of scalars, strings, tuples and lists.

use super::number::{c_exponent, split_exponent};
use crate::Tensor;

/// Python's `repr(float)`: the shortest digits that read back as the same f64; fixed where the
/// decimal exponent is at least -4 and below 16, else scientific.
///
/// ```
/// use pleach::print::python_float;
/// assert_eq!(python_float(1.0), "1.0");
/// assert_eq!(python_float(0.00001), "1e-05");
/// assert_eq!(python_float(0.1_f32 as f64), "0.10000000149011612");
/// ```
pub fn python_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_string();
    }
    let scientific = format!("{value:e}");
    match split_exponent(&scientific) {
        Some((_, exponent)) if !(-4..16).contains(&exponent) => c_exponent(&scientific),
        Some(_) => {
            let mut text = value.to_string();
            if !text.contains('.') {
                text.push_str(".0");
            }
            text
        }
        // Infinities have no exponent: `inf`, `-inf`.
        None => scientific,
    }
}

/// `True` or `False`.
pub fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// Python's `repr(str)`: in single quotes, or in double ones if only single ones occur in it.
/// (Of the characters that Python escapes, those of Unicode beyond the controls stay as they are.)
///
/// ```
/// use pleach::print::python_str;
/// assert_eq!(python_str("none"), "'none'");
/// assert_eq!(python_str("it's"), r#""it's""#);
/// ```
pub fn python_str(text: &str) -> String {
    let quote = match text.contains('\'') && !text.contains('"') {
        true => '"',
        false => '\'',
    };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// A Python tuple: `(3, 3)`, `(3,)`, `()`.
///
/// ```
/// use pleach::print::python_tuple;
/// assert_eq!(python_tuple(&[3]), "(3,)");
/// assert_eq!(python_tuple(&[0.9, 0.999]), "(0.9, 0.999)");
/// ```
pub fn python_tuple<T: PythonRepr>(items: &[T]) -> String {
    match items {
        [item] => format!("({},)", item.python_repr()),
        _ => format!("({})", joined(items)),
    }
}

/// A Python list: `['weight', 'bias']`, `[]`.
///
/// ```
/// use pleach::print::python_list;
/// assert_eq!(python_list(&["weight", "bias"]), "['weight', 'bias']");
/// ```
pub fn python_list<T: PythonRepr>(items: &[T]) -> String {
    format!("[{}]", joined(items))
}

fn joined<T: PythonRepr>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(PythonRepr::python_repr).collect();
    texts.join(", ")
}

/// A value that Python has too, and how Python writes it.
///
/// ```
/// use pleach::print::PythonRepr;
/// assert_eq!(None::<f64>.python_repr(), "None");
/// assert_eq!(Some(0.5).python_repr(), "0.5");
/// assert_eq!(true.python_repr(), "True");
/// ```
pub trait PythonRepr {
    /// Python's `repr(value)`.
    fn python_repr(&self) -> String;
}

macro_rules! python_repr {
    ($($t:ty, $value:ident => $text:expr;)*) => {$(
        impl PythonRepr for $t {
            fn python_repr(&self) -> String {
                let $value = self;
                $text
            }
        }
    )*};
}
python_repr! {
    f64, v => python_float(*v);
    f32, v => python_float(f64::from(*v));
    bool, v => python_bool(*v).to_string();
    str, v => python_str(v);
    String, v => python_str(v);
    i64, v => v.to_string();
    i32, v => v.to_string();
    i16, v => v.to_string();
    i8, v => v.to_string();
    isize, v => v.to_string();
    u64, v => v.to_string();
    u32, v => v.to_string();
    u16, v => v.to_string();
    u8, v => v.to_string();
    usize, v => v.to_string();
}

/// The value, or `None`.
impl<T: PythonRepr> PythonRepr for Option<T> {
    fn python_repr(&self) -> String {
        match self {
            Some(value) => value.python_repr(),
            None => "None".to_string(),
        }
    }
}

impl<T: PythonRepr + ?Sized> PythonRepr for &T {
    fn python_repr(&self) -> String {
        (*self).python_repr()
    }
}

/// Python's text of `tensor.tolist()`: nested lists of the values, in full, as Python scalars; of
/// a 0-d tensor the scalar alone.
///
/// ```
/// use pleach::{print::tolist_text, tensor};
/// assert_eq!(tolist_text(&tensor![[1.0, 0.5], [2.0, 0.1]]), "[[1.0, 0.5], [2.0, 0.10000000149011612]]");
/// ```
///
/// # Panics
/// If the memory for the elements cannot be had; see [`Tensor::try_to_vec_f64`].
pub fn tolist_text(tensor: &Tensor) -> String {
    let mut scalars = if tensor.dtype().is_float() {
        let values = tensor.to_vec_f64();
        values.iter().map(PythonRepr::python_repr).collect()
    } else {
        tensor.plain_texts(None)
    }
    .into_iter();
    let mut out = String::new();
    nest(tensor.shape(), &mut scalars, &mut out);
    out
}

fn nest(shape: &[usize], scalars: &mut impl Iterator<Item = String>, out: &mut String) {
    let Some((&size, rest)) = shape.split_first() else {
        out.extend(scalars.next());
        return;
    };
    out.push('[');
    for at in 0..size {
        if at > 0 {
            out.push_str(", ");
        }
        nest(rest, scalars, out);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    #[test]
    fn floats_switch_notation_where_python_does() {
        // Python's repr of the same literals.
        let cases = [
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (-0.0, "-0.0"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(python_float(value), text);
        }
    }

    #[test]
    fn strings_are_quoted_and_escaped_as_in_python() {
        assert_eq!(python_str("a\"b"), r#"'a"b'"#);
        assert_eq!(python_str("a'\"b"), r#"'a\'"b'"#);
        assert_eq!(python_str("a\\\n\u{1b}é"), r"'a\\\n\x1bé'");
    }

    #[test]
    fn tuples_and_lists_of_every_length() {
        assert_eq!(python_tuple::<i64>(&[]), "()");
        assert_eq!(python_tuple(&[1, 2, 3]), "(1, 2, 3)");
        assert_eq!(python_tuple(&[Some(1), None]), "(1, None)");
        assert_eq!(python_list::<f64>(&[]), "[]");
        assert_eq!(python_list(&[true, false]), "[True, False]");
    }

    #[test]
    fn tolist_writes_every_dtype_and_shape() {
        assert_eq!(tolist_text(&Tensor::scalar(0.5)), "0.5");
        assert_eq!(tolist_text(&Tensor::zeros([2, 0])), "[[], []]");
        assert_eq!(tolist_text(&Tensor::zeros([0, 3])), "[]");
        let x = Tensor::zeros([1, 2]);
        assert_eq!(tolist_text(&x), "[[0.0, 0.0]]");
        let of = |dtype| x.to_dtype(dtype).map(|x| tolist_text(&x)).unwrap();
        assert_eq!(of(DType::Bool), "[[False, False]]");
        assert_eq!(of(DType::I8), "[[0, 0]]");
        assert_eq!(of(DType::F16), "[[0.0, 0.0]]");
    }
}
