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
            let text = value.to_string();
            let bytes = to_bytes(value, Format::Torch).expect("what was loaded can be saved");
            let back = loader().load_bytes(&bytes).expect("what was saved can be loaded");
            assert_eq!(back.to_string(), text);
        }
    }
}

/// Checks the input as a whole file.
pub fn check_file(data: &[u8]) {
    check(loader().load_bytes(data));
}
