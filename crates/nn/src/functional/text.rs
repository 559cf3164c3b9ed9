//! Numbers as Python writes them.

/// A float as Python's `repr`: the shortest digits that read back as the same f64, in scientific
/// notation below 1e-4 and from 1e16 on.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_string();
    }
    let scientific = format!("{value:e}");
    match scientific
        .split_once('e')
        .map(|(d, e)| (d, e.parse::<i32>()))
    {
        Some((digits, Ok(exponent))) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        // Whole numbers get `.0`; infinities have no exponent and come out as `inf`.
        Some(_) => format!("{value:?}"),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::float_text;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let cases = [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e-5, "1e-05"),
            (1e-4, "0.0001"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1e100, "1e+100"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (0.10000000149011612, "0.10000000149011612"),
        ];
        for (value, text) in cases {
            assert_eq!(float_text(value), text);
        }
    }
}
