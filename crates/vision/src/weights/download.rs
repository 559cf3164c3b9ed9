//! Downloading to a file, going on where an earlier try ended.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::{Error, Result};

/// Tries in a row that bring nothing new.
const TRIES: usize = 3;

/// Appends to what is in the file until it is whole, and syncs it.
pub(super) fn to_file(url: &str, path: &Path, progress: bool) -> Result<()> {
    let failed = |what: String| Error::Download {
        url: url.to_string(),
        what,
    };
    if cfg!(not(feature = "https")) && url.starts_with("https:") {
        let what =
            "this needs the feature `https`; or PLEACH_WEIGHTS_MIRROR names an http: address";
        return Err(failed(what.into()));
    }
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(Error::io(path))?;
    let agent = agent(url);
    let mut tries = 0;
    loop {
        let before = file.seek(SeekFrom::End(0)).map_err(Error::io(path))?;
        let outcome = match request(&agent, url, before) {
            Ok(Answer::Part(response)) => receive(response, before, &mut file, progress),
            Ok(Answer::Whole(response)) => {
                file.set_len(0).map_err(Error::io(path))?;
                receive(response, 0, &mut file, progress)
            }
            Ok(Answer::Nothing) => Ok(()),
            // The server has answered: asking again would bring the same.
            Ok(Answer::Refused(status)) => {
                return Err(failed(format!("the server answers {status}")));
            }
            Err(e) => Err(Stopped::Network(e)),
        };
        match outcome {
            Ok(()) => break,
            Err(Stopped::Disk(e)) => return Err(Error::io(path)(e)),
            Err(Stopped::Network(what)) => {
                let after = file.metadata().map_err(Error::io(path))?.len();
                tries = if after > before { 0 } else { tries + 1 };
                if tries == TRIES {
                    return Err(failed(match after {
                        0 => what,
                        _ => format!("{what} (after {after} bytes, which are kept)"),
                    }));
                }
            }
        }
    }
    file.sync_all().map_err(Error::io(path))
}

/// Why a transfer ended early.
enum Stopped {
    Network(String),
    Disk(io::Error),
}

enum Answer {
    /// What comes after the bytes that are there.
    Part(Response<Body>),
    /// Everything, because the server cannot begin in the middle.
    Whole(Response<Body>),
    /// There is nothing after them.
    Nothing,
    Refused(StatusCode),
}

fn agent(url: &str) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)));
    let host = url.split("://").nth(1).unwrap_or_default();
    if host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]") {
        config = config.proxy(None);
    }
    config.build().new_agent()
}

/// Asks for what comes after so many bytes.
fn request(agent: &Agent, url: &str, have: u64) -> Result<Answer, String> {
    let mut request = agent.get(url).header(header::ACCEPT_ENCODING, "identity");
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    let response = request.call().map_err(|e| e.to_string())?;
    Ok(match response.status() {
        StatusCode::PARTIAL_CONTENT if starts_at(&response, have) => Answer::Part(response),
        StatusCode::OK => Answer::Whole(response),
        // The earlier try had everything but the check.
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => Answer::Nothing,
        other => Answer::Refused(other),
    })
}

/// Whether the `Content-Range` is `bytes START-…`.
fn starts_at(response: &Response<Body>, start: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE);
    let range = range
        .and_then(|range| range.to_str().ok())
        .unwrap_or_default();
    let first = range
        .strip_prefix("bytes ")
        .and_then(|r| r.split('-').next());
    first.and_then(|first| first.parse().ok()) == Some(start)
}

fn receive(
    response: Response<Body>,
    have: u64,
    file: &mut File,
    progress: bool,
) -> Result<(), Stopped> {
    let length = response.headers().get(header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|n| n.to_str().ok()?.parse().ok());
    let bar = bar(have, length, progress);
    let mut body = response.into_body().into_reader();
    let mut piece = vec![0; 1 << 16];
    let mut received = 0;
    loop {
        let n = match body.read(&mut piece) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Stopped::Network(e.to_string())),
        };
        file.write_all(&piece[..n]).map_err(Stopped::Disk)?;
        received += n as u64;
        bar.inc(n as u64);
    }
    bar.finish_and_clear();
    match length {
        Some(length) if received < length => Err(Stopped::Network(format!(
            "the connection ended after {received} of {length} bytes"
        ))),
        _ => Ok(()),
    }
}

fn bar(have: u64, length: Option<u64>, progress: bool) -> ProgressBar {
    let Some(length) = length.filter(|_| progress && io::stderr().is_terminal()) else {
        return ProgressBar::hidden();
    };
    let bar = ProgressBar::new(have.saturating_add(length)).with_position(have);
    let template = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
