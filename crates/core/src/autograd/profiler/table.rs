//! Sums over the events of a profile, and their tables.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Event, EventKind, ModuleCall, Profile};

/// All events of one name.
#[derive(Clone, Debug)]
pub struct OperationAverage {
    /// The name.
    pub name: String,
    /// How many there were.
    pub calls: usize,
    /// The time in them, without that of other events in them.
    pub self_time: Duration,
    /// The time in them.
    pub total_time: Duration,
    /// The bytes allocated in them less those freed, without those of other events in them.
    pub self_memory: i64,
    /// The bytes allocated in them less those freed.
    pub memory: i64,
}

/// A profile by operation: those with the most time of their own first.
#[derive(Clone, Debug)]
pub struct OperationTable(Vec<OperationAverage>);

impl OperationTable {
    /// The rows.
    pub fn rows(&self) -> &[OperationAverage] {
        &self.0
    }

    /// The sum of all times that operations had for themselves.
    pub fn total(&self) -> Duration {
        self.0.iter().map(|row| row.self_time).sum()
    }
}

/// All calls of one module.
#[derive(Clone, Debug)]
pub struct ModuleAverage {
    /// Its path in the outermost module that was called.
    pub path: String,
    /// Its name in print.
    pub type_name: String,
    /// How often it was called.
    pub calls: usize,
    /// The time in its calls, without that of modules called in them.
    pub self_forward: Duration,
    /// The time in its calls.
    pub forward: Duration,
    /// The time of the backward steps of operations that it called itself.
    pub self_backward: Duration,
    /// The time of the backward steps of operations in its calls.
    pub backward: Duration,
    /// The bytes allocated in its calls less those freed.
    pub memory: i64,
}

/// A profile by module, in the order of the first calls.
#[derive(Clone, Debug)]
pub struct ModuleTable(Vec<ModuleAverage>);

impl ModuleTable {
    /// The rows.
    pub fn rows(&self) -> &[ModuleAverage] {
        &self.0
    }

    /// Without the rows of modules that are deeper in the tree: 1 leaves the outermost modules and
    /// their children, whose times hold those of all below them.
    #[must_use]
    pub fn depth(mut self, depth: usize) -> Self {
        let levels = |path: &str| path.split('.').filter(|name| !name.is_empty()).count();
        self.0.retain(|row| levels(&row.path) <= depth);
        self
    }
}

impl Profile {
    /// The next event of those kinds around one.
    fn around(&self, event: &Event, is: impl Fn(EventKind) -> bool) -> Option<usize> {
        let mut next = event.parent;
        while let Some(i) = next.filter(|&i| !is(self.events[i].kind)) {
            next = self.events[i].parent;
        }
        next
    }

    /// For each event of those kinds, the time and memory that are not those of one in it.
    fn own(&self, is: impl Fn(EventKind) -> bool) -> Vec<(Duration, i64)> {
        let mut own: Vec<_> = self.events.iter().map(|e| (e.duration, e.memory)).collect();
        for event in self.events.iter().filter(|e| is(e.kind)) {
            if let Some(outer) = self.around(event, &is) {
                let (time, memory) = &mut own[outer];
                *time = time.saturating_sub(event.duration);
                *memory -= event.memory;
            }
        }
        own
    }

    /// Sums by name, of all but calls of modules.
    pub fn by_operation(&self) -> OperationTable {
        let is = |kind| kind != EventKind::Module;
        let own = self.own(is);
        let mut places = HashMap::new();
        let mut rows: Vec<OperationAverage> = Vec::new();
        for (event, (self_time, self_memory)) in self.events.iter().zip(own) {
            if !is(event.kind) {
                continue;
            }
            let place = *places.entry(&*event.name).or_insert(rows.len());
            if place == rows.len() {
                rows.push(OperationAverage {
                    name: event.name.to_string(),
                    calls: 0,
                    self_time: Duration::ZERO,
                    total_time: Duration::ZERO,
                    self_memory: 0,
                    memory: 0,
                });
            }
            let row = &mut rows[place];
            row.calls += 1;
            row.self_time += self_time;
            row.total_time += event.duration;
            row.self_memory += self_memory;
            row.memory += event.memory;
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.self_time));
        OperationTable(rows)
    }

    /// Sums by module. A step of backward counts for the module in whose call its operation ran, and
    /// for those around it.
    pub fn by_module(&self) -> ModuleTable {
        let is = |kind| kind == EventKind::Module;
        let own = self.own(is);
        let mut rows = Modules::default();
        for (event, (self_time, _)) in self.events.iter().zip(own) {
            let Some(call) = &event.module else { continue };
            match event.kind {
                EventKind::Module => {
                    let row = rows.of(call);
                    row.calls += 1;
                    row.self_forward += self_time;
                    // A module that calls itself is counted once.
                    if !callers(call).any(|outer| key(outer) == key(call)) {
                        row.forward += event.duration;
                        row.memory += event.memory;
                    }
                }
                EventKind::Backward => {
                    rows.of(call).self_backward += event.duration;
                    let mut counted = Vec::new();
                    for call in std::iter::once(call).chain(callers(call)) {
                        if !counted.contains(&key(call)) {
                            rows.of(call).backward += event.duration;
                            counted.push(key(call));
                        }
                    }
                }
                EventKind::Operation | EventKind::Record => {}
            }
        }
        ModuleTable(rows.rows)
    }
}

/// What tells the rows of modules apart: the path, the type, and the type of the outermost module.
fn key(call: &ModuleCall) -> (&str, &str, &str) {
    let mut root = call;
    while let (Some(caller), false) = (call_of(root), root.path().is_empty()) {
        root = caller;
    }
    (root.type_name(), call.path(), call.type_name())
}

fn call_of(call: &ModuleCall) -> Option<&ModuleCall> {
    call.caller().map(|caller| &**caller)
}

/// The calls around one.
fn callers(call: &Arc<ModuleCall>) -> impl Iterator<Item = &Arc<ModuleCall>> {
    std::iter::successors(call.caller(), |call| call.caller())
}

/// The rows of modules, and where they are.
#[derive(Default)]
struct Modules<'a> {
    rows: Vec<ModuleAverage>,
    places: HashMap<(&'a str, &'a str, &'a str), usize>,
}

impl<'a> Modules<'a> {
    fn of(&mut self, call: &'a ModuleCall) -> &mut ModuleAverage {
        let place = *self.places.entry(key(call)).or_insert(self.rows.len());
        if place == self.rows.len() {
            self.rows.push(ModuleAverage {
                path: call.path().to_string(),
                type_name: call.type_name().to_string(),
                calls: 0,
                self_forward: Duration::ZERO,
                forward: Duration::ZERO,
                self_backward: Duration::ZERO,
                backward: Duration::ZERO,
                memory: 0,
            });
        }
        &mut self.rows[place]
    }
}

/// `1.234ms`, as PyTorch writes it.
fn time_text(time: Duration) -> String {
    let us = time.as_secs_f64() * 1e6;
    match us {
        us if us >= 1e6 => format!("{:.3}s", us / 1e6),
        us if us >= 1e3 => format!("{:.3}ms", us / 1e3),
        us => format!("{us:.3}us"),
    }
}

/// `1.50 MB`, as PyTorch writes it.
fn memory_text(bytes: i64) -> String {
    const UNITS: [(&str, u32); 3] = [("GB", 30), ("MB", 20), ("KB", 10)];
    let fits = |(_, log): &&(&str, u32)| bytes.unsigned_abs() >= 1 << log;
    match UNITS.iter().find(fits) {
        Some((unit, log)) => format!("{:.2} {unit}", bytes as f64 / f64::from(1 << log)),
        None => format!("{bytes} B"),
    }
}

fn percent(part: Duration, whole: Duration) -> String {
    let whole = whole.as_secs_f64();
    let part = if whole > 0.0 {
        part.as_secs_f64() / whole
    } else {
        0.0
    };
    format!("{:.2}%", part * 100.0)
}

/// Columns of equal width, the first as wide as it has to be.
fn write_table(f: &mut fmt::Formatter<'_>, head: &[&str], rows: &[Vec<String>]) -> fmt::Result {
    let first = rows.iter().map(|row| row[0].chars().count());
    let first = first.chain([head[0].len()]).max().unwrap_or_default();
    let others = head[1..].iter().map(|title| title.len().max(12));
    let widths: Vec<usize> = std::iter::once(first).chain(others).collect();
    let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
    let rule = rule.join("  ");
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells = cells.zip(&widths).enumerate();
        let cells = cells.map(|(i, (cell, &width))| match i {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        writeln!(f, "{}", cells.collect::<Vec<_>>().join("  "))
    };
    line(&mut [&*rule].into_iter())?;
    line(&mut head.iter().copied())?;
    line(&mut [&*rule].into_iter())?;
    for row in rows {
        line(&mut row.iter().map(String::as_str))?;
    }
    write!(f, "{rule}")
}

impl fmt::Display for OperationTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let average = |row: &OperationAverage| row.total_time.div_f64(row.calls.max(1) as f64);
        let rows: Vec<Vec<String>> = self
            .0
            .iter()
            .map(|row| {
                vec![
                    row.name.clone(),
                    percent(row.self_time, total),
                    time_text(row.self_time),
                    percent(row.total_time, total),
                    time_text(row.total_time),
                    time_text(average(row)),
                    memory_text(row.memory),
                    memory_text(row.self_memory),
                    row.calls.to_string(),
                ]
            })
            .collect();
        let head = [
            "Name",
            "Self CPU %",
            "Self CPU",
            "CPU total %",
            "CPU total",
            "CPU time avg",
            "CPU Mem",
            "Self CPU Mem",
            "# of Calls",
        ];
        write_table(f, &head, &rows)?;
        write!(f, "\nSelf CPU time total: {}", time_text(total))
    }
}

impl fmt::Display for ModuleTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |row: &ModuleAverage| match &*row.path {
            "" => row.type_name.clone(),
            path => format!("{path} ({})", row.type_name),
        };
        let rows: Vec<Vec<String>> = self
            .0
            .iter()
            .map(|row| {
                vec![
                    name(row),
                    time_text(row.self_forward),
                    time_text(row.forward),
                    time_text(row.self_backward),
                    time_text(row.backward),
                    memory_text(row.memory),
                    row.calls.to_string(),
                ]
            })
            .collect();
        let head = [
            "Module",
            "Self forward",
            "Forward",
            "Self backward",
            "Backward",
            "Memory",
            "# of Calls",
        ];
        write_table(f, &head, &rows)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.by_operation().fmt(f)
    }
}
