//! A profile for `chrome://tracing`.

use std::fmt::Write;

use super::{EventKind, Profile};

/// The text between quotes of JSON.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

impl Profile {
    /// The events as JSON that `chrome://tracing` and Perfetto show: PyTorch's `export_chrome_trace`.
    /// Times are in microseconds.
    pub fn chrome_trace(&self) -> String {
        let process = std::process::id();
        let mut out = String::from("{\"displayTimeUnit\": \"ms\", \"traceEvents\": [");
        for (i, event) in self.events.iter().enumerate() {
            let category = match event.kind {
                EventKind::Operation => "operation",
                EventKind::Backward => "backward",
                EventKind::Module => "module",
                EventKind::Record => "record",
            };
            let module = event
                .module
                .as_ref()
                .map_or_else(String::new, |m| m.to_string());
            let shapes: Vec<&[usize]> = event.shapes.iter().map(|s| &s[..]).collect();
            // Writing to a string cannot fail.
            let _ = write!(
                out,
                "{}\n{{\"ph\": \"X\", \"cat\": \"{category}\", \"name\": \"{}\", \"pid\": {process}, \"tid\": 1, \
                 \"ts\": {:.3}, \"dur\": {:.3}, \"args\": {{\"module\": \"{}\", \"shapes\": {shapes:?}, \"bytes\": {}}}}}",
                if i == 0 { "" } else { "," },
                escaped(&event.name),
                event.start.as_secs_f64() * 1e6,
                event.duration.as_secs_f64() * 1e6,
                escaped(&module),
                event.memory,
            );
        }
        out += "\n]}\n";
        out
    }
}
