//! What the notebook examples share: cells that print into a text, and the command line.

// An example need not use everything.
#![allow(dead_code, unused_macros)]

use pleach::{Error, Result, Tensor};

/// Gets each cell's id and what it printed.
pub type Show<'a> = &'a mut dyn FnMut(&str, &str);

/// Runs one cell.
pub fn cell<T>(show: Show, id: &str, body: impl FnOnce(&mut String) -> Result<T>) -> Result<T> {
    let mut out = String::new();
    let result = body(&mut out)?;
    show(id, &out);
    Ok(result)
}

/// Prints a line into a cell's text.
macro_rules! say {
    ($out:expr, $($text:tt)*) => {{
        *$out += &format!($($text)*);
        $out.push('\n');
    }};
}
pub(crate) use say;

/// Python prints `None` for what is not there.
pub fn python(tensor: Option<Tensor>) -> String {
    tensor.map_or("None".to_string(), |t| t.to_string())
}

/// Python's `True` and `False`.
pub fn python_bool(on: bool) -> &'static str {
    if on { "True" } else { "False" }
}

/// Runs a notebook with the seed of `--seed N` (0 by default), and prints it.
pub fn main(run: impl FnOnce(u32, Show) -> Result<()>) -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seed = match arguments.as_slice() {
        [] => 0,
        [flag, seed] if flag == "--seed" => seed
            .parse()
            .map_err(|_| Error::value(format!("--seed takes a number, not {seed}")))?,
        _ => return Err(Error::value("the only argument is --seed N")),
    };
    run(seed, &mut |_, text| print!("{text}"))
}
