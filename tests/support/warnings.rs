//! What pleach warns of, through the `log` crate.

use std::cell::RefCell;
use std::sync::Once;

use log::{Level, LevelFilter, Log, Metadata, Record};

thread_local! {
    /// The warnings of this thread, since somebody listens.
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

struct Listener;

impl Log for Listener {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record) {
        HEARD.with_borrow_mut(|heard| {
            if let Some(heard) = heard {
                heard.push(record.args().to_string());
            }
        });
    }

    fn flush(&self) {}
}

/// Runs `body`, and gives the warnings that this thread logged meanwhile.
pub fn heard<R>(body: impl FnOnce() -> R) -> (R, Vec<String>) {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        log::set_logger(&Listener).expect("no other logger is installed");
        log::set_max_level(LevelFilter::Warn);
    });
    HEARD.set(Some(Vec::new()));
    let result = body();
    (result, HEARD.take().unwrap_or_default())
}
