//! What looks at code while it runs: summaries, profiles, the search for a gradient that is not a number.

mod anomaly;
mod paths;
mod profile;
mod summary;
