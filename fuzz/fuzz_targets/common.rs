//! What every target does with its input.

use pleach_checkpoint::{Error, Format, Limits, Loader, Value, to_bytes};

/// Limits under which no input takes long.
pub fn loader() -> Loader {
    let mut limits = Limits::default();
    limits.values = 20_000;
    limits.pickle_bytes = 1 << 20;
    limits.members = 1000;
    limits.inflated_bytes = 1 << 20;
    limits.header_bytes = 1 << 20;
    limits.repeated_elements = 1 << 16;
    Loader::new().limits(limits)
}

/// What loads can be shown and saved, and comes back the same; what does not says why.
pub fn check(result: Result<Value, Error>) {
    match result {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(value) => {
            assert!(!value.to_string().is_empty());
            let text = format!("{value:?}");
            let bytes = to_bytes(value, Format::Torch).expect("what was loaded can be saved");
            let back = loader()
                .load_bytes(&bytes)
                .expect("what was saved can be loaded");
            assert_eq!(format!("{back:?}"), text);
        }
    }
}

/// What loads with opaque objects can be shown and searched; it holds all that loads without.
pub fn check_opaque(plain: &Result<Value, Error>, result: Result<Value, Error>) {
    match result {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(
                plain.is_err(),
                "it loads without opaque objects, and not with them"
            );
        }
        Ok(value) => {
            assert!(!value.to_string().is_empty());
            let text = format!("{value:?}");
            if let Ok(plain) = plain {
                assert_eq!(format!("{plain:?}"), text);
            }
            match value.state_dict() {
                Ok(state) => drop(format!("{state:?}")),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
            // Unwritable if there is an opaque object; an error, then.
            drop(to_bytes(value, Format::Torch));
        }
    }
}

/// Checks the input as a whole file.
pub fn check_file(data: &[u8]) {
    let plain = loader().load_bytes(data);
    check_opaque(&plain, loader().opaque_objects(true).load_bytes(data));
    check(plain);
}
