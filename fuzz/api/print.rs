//! The text of tensors, parameters, modules and Python values.

use pleach::print::{
    PrintOptions, fixed, general, print_options, python_bool, python_float, python_list,
    python_str, python_tuple, scientific, tolist_text, with_print_options,
};
use pleach::{Error, ErrorKind, size_text};

use super::{Call, call};

pub const CALLS: &[Call] = &[
    call("Tensor::to_string tolist_text size_text", |p| {
        let x = p.tensor()?;
        assert!(x.to_string().starts_with("tensor("));
        assert!(!format!("{x:?}").is_empty());
        // The text has a pair of brackets for each size, also where there are no elements.
        if x.numel() > 0 || x.shape().iter().all(|&size| size < 100) {
            let _ = tolist_text(&x);
        }
        let _ = size_text(x.shape());
        Ok(())
    }),
    call(
        "Parameter::to_string Buffer::to_string Data::to_string",
        |p| {
            let parameter = p.parameter()?;
            let _ = format!("{parameter} {} {}", parameter.data(), p.buffer()?);
            Ok(())
        },
    ),
    call(
        "with_print_options print_options PrintOptions::short PrintOptions::full",
        |p| {
            let mut options = match p.bytes.below(3) {
                0 => PrintOptions::short(),
                1 => PrintOptions::full(),
                _ => PrintOptions {
                    precision: p.bytes.below(40),
                    threshold: p.bytes.size(),
                    edgeitems: p.bytes.size(),
                    linewidth: p.bytes.size(),
                    sci_mode: p.bytes.maybe(|b| b.flag()),
                },
            };
            if p.bytes.one_in(16) {
                options.precision = p.bytes.size().max(40);
            }
            let x = p.tensor()?;
            let few = x.numel() <= 64;
            let text = with_print_options(options, || match few || options.precision <= 40 {
                true => x.to_string(),
                false => String::new(),
            });
            assert!(text.is_empty() || text.starts_with("tensor("));
            assert_eq!(print_options(), PrintOptions::default());
            Ok(())
        },
    ),
    call(
        "fixed scientific general python_float python_bool python_str python_tuple python_list",
        |p| {
            let (value, precision) = (p.bytes.float(), p.bytes.size().min(70_000));
            let _ = (fixed(value, precision), scientific(value, precision));
            let _ = (
                general(value, precision),
                python_float(value),
                python_bool(value > 0.0),
            );
            let _ = (python_tuple(&[value]), python_list(&[value, 1.0]));
            let _ = python_str("it's \"é\"\n\u{7f}");
            Ok(())
        },
    ),
    call(
        "Error::new Error::other Error::shape Error::dtype Error::index Error::value \
         Error::autograd Error::not_implemented Error::kind Error::path Error::module_type \
         Error::hint Error::with_hint",
        |p| {
            let (dim, rank) = (p.bytes.whole(), p.bytes.size());
            let all = [
                Error::new(ErrorKind::DimOutOfRange { dim, rank }),
                Error::shape("shape").with_hint("hint"),
                Error::dtype("dtype"),
                Error::index("index"),
                Error::value("value"),
                Error::autograd("autograd"),
                Error::other("other"),
                Error::not_implemented("op", p.bytes.dtype()),
            ];
            for error in all {
                assert!(!format!("{error}{error:?}").is_empty());
                assert!(error.path().is_none() && error.module_type().is_none());
                let _ = (error.kind(), error.hint());
            }
            Ok(())
        },
    ),
];
