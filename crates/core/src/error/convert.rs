//! The errors of the standard library that `?` turns into an [`Error`], each kept as its source.

use std::sync::Arc;

use super::{Error, ErrorKind};

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(ErrorKind::Io(Arc::new(error)))
    }
}

macro_rules! others {
    ($($ty:ty),* $(,)?) => {$(
        impl From<$ty> for Error {
            fn from(error: $ty) -> Self {
                Self::other(error)
            }
        }
    )*};
}
others!(
    std::fmt::Error,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::ParseBoolError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
);

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

impl From<ndarray::ShapeError> for Error {
    fn from(e: ndarray::ShapeError) -> Self {
        Self::shape(e.to_string())
    }
}

/// For arguments that are converted and cannot fail.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use crate::{Error, ErrorKind, Result};

    #[test]
    fn the_standard_librarys_errors_become_ours_and_stay_the_source() {
        fn read() -> Result<Vec<u8>> {
            Ok(std::fs::read("/no/such/file")?)
        }
        let error = read().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Io(_)));
        let io: &std::io::Error = error.source().unwrap().downcast_ref().unwrap();
        assert_eq!(io.kind(), std::io::ErrorKind::NotFound);

        fn bytes() -> Vec<u8> {
            vec![0xff]
        }
        let errors: [fn() -> Result<String>; 7] = [
            || Ok("x".parse::<i32>()?.to_string()),
            || Ok("x".parse::<f32>()?.to_string()),
            || Ok("x".parse::<bool>()?.to_string()),
            || Ok(u8::try_from(300i32)?.to_string()),
            || Ok(str::from_utf8(&bytes())?.to_string()),
            || Ok(String::from_utf8(bytes())?),
            || Err(std::fmt::Error)?,
        ];
        for (i, error) in errors.into_iter().enumerate() {
            let error = error().unwrap_err();
            assert_eq!(
                error.source().unwrap().to_string(),
                error.to_string(),
                "{i}"
            );
        }
    }

    #[derive(Debug, PartialEq)]
    struct Jammed(u32);
    impl std::fmt::Display for Jammed {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "tray {} is jammed", self.0)
        }
    }
    impl std::error::Error for Jammed {}
    impl From<Jammed> for Error {
        fn from(jammed: Jammed) -> Self {
            Error::other(jammed)
        }
    }

    #[test]
    fn an_error_of_ones_own_passes_by_an_implementation_or_by_other() {
        fn print() -> Result<()> {
            Ok(Err(Jammed(2))?)
        }
        fn parse() -> Result<std::net::IpAddr> {
            "x".parse().map_err(Error::other)
        }
        let error = print().unwrap_err();
        assert_eq!(error.source().unwrap().downcast_ref(), Some(&Jammed(2)));
        assert_eq!(error.to_string(), "tray 2 is jammed");
        let source = parse().unwrap_err();
        assert!(source.source().unwrap().is::<std::net::AddrParseError>());
        // A program's own `main` may return any of these.
        let boxed: Box<dyn std::error::Error + Send + Sync> = Jammed(1).into();
        assert_eq!(Error::other(boxed).to_string(), "tray 1 is jammed");
    }
}
