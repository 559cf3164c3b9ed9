//! Downloads from a server on the loopback address.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use pleach_vision::Error;
use pleach_vision::weights::{Cache, Weights, imagenet_classes};
use sha2::{Digest, Sha256};

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Behaviour {
    /// Answers as a server should; a range as a range.
    Right,
    /// Closes the connection after so many bytes of the answer's body.
    BreakAfter(usize),
    /// Sends the whole file whatever was asked for.
    IgnoreRange,
    Status(&'static str),
}

struct Server {
    address: String,
    /// The first line and the range of every request.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves `content` under every path: the n-th request as the n-th behaviour says, later ones
    /// rightly.
    fn start(content: Vec<u8>, behaviours: &[Behaviour]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!(
            "http://{}/models",
            listener.local_addr().expect("its address")
        );
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut queue) = (requests.clone(), VecDeque::from(behaviours.to_vec()));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let behaviour = queue.pop_front().unwrap_or(Behaviour::Right);
                // A client that closes early is its own affair.
                let _ = stream.and_then(|s| answer(s, &content, behaviour, &seen));
            }
        });
        Server { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .expect("no panic of the server")
            .clone()
    }
}

fn answer(
    mut stream: TcpStream,
    content: &[u8],
    behaviour: Behaviour,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut range) = (String::new(), None);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(start) = line.strip_prefix("range: bytes=") {
            range = start.trim_end_matches('-').parse::<usize>().ok();
        }
    }
    let note = format!("{} {range:?}", first.trim_end_matches(" HTTP/1.1\r\n"));
    seen.lock().expect("no panic before").push(note);
    let (head, body) = match (behaviour, range) {
        (Behaviour::Status(status), _) => (format!("HTTP/1.1 {status}\r\n"), &content[..0]),
        (Behaviour::IgnoreRange, _) | (_, None) => ("HTTP/1.1 200 OK\r\n".to_string(), content),
        (_, Some(start)) if start >= content.len() => {
            let head = "HTTP/1.1 416 Range Not Satisfiable\r\n";
            (head.to_string(), &content[..0])
        }
        (_, Some(start)) => {
            let (last, len) = (content.len() - 1, content.len());
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{last}/{len}\r\n"
            );
            (head, &content[start..])
        }
    };
    write!(
        stream,
        "{head}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    let sent = match behaviour {
        Behaviour::BreakAfter(bytes) => &body[..bytes.min(body.len())],
        _ => body,
    };
    stream.write_all(sent)
}

/// Bytes, and a file name with the beginning of their hash.
fn file() -> (Vec<u8>, String) {
    let content: Vec<u8> = (0..200_000u32)
        .flat_map(|i| i.wrapping_mul(2654435761).to_le_bytes())
        .collect();
    let hash: String = Sha256::digest(&content)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    (content, format!("net-{}.pth", &hash[..8]))
}

fn cache(folder: &Path, server: &Server) -> Cache {
    Cache::in_folder(folder.join("hub/checkpoints"))
        .mirror(&server.address)
        .progress(false)
}

#[test]
fn a_file_is_downloaded_once() {
    let (content, name) = file();
    let server = Server::start(content.clone(), &[]);
    let dir = tempfile::tempdir().expect("a folder");
    let cache = cache(dir.path(), &server);
    let path = cache.get_file(&name).expect("a download");
    assert_eq!(path, dir.path().join("hub/checkpoints").join(&name));
    assert_eq!(fs::read(&path).expect("the file"), content);
    assert_eq!(cache.get_file(&name).expect("from the cache"), path);
    assert_eq!(server.requests(), [format!("GET /models/{name} None")]);
}

#[test]
fn an_interrupted_download_goes_on_where_it_ended() {
    let (content, name) = file();
    let server = Server::start(content.clone(), &[Behaviour::BreakAfter(300_000)]);
    let dir = tempfile::tempdir().expect("a folder");
    let path = cache(dir.path(), &server)
        .get_file(&name)
        .expect("a download");
    assert_eq!(fs::read(&path).expect("the file"), content);
    let requests = server.requests();
    let [first, second] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert!(first.ends_with(" None"), "{first}");
    // Bytes that were under way when the connection broke may be lost, those on disk are not.
    let start = second
        .split("Some(")
        .nth(1)
        .and_then(|s| s.trim_end_matches(')').parse().ok());
    let start: usize = start.unwrap_or_else(|| panic!("{second}"));
    assert!((1..=300_000).contains(&start), "{second}");
}

#[test]
fn a_download_of_an_earlier_run_goes_on_too() {
    let (content, name) = file();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(content.clone(), &[]);
    let cache = cache(dir.path(), &server);
    fs::create_dir_all(cache.folder()).expect("a folder");
    fs::write(
        cache.folder().join(format!("{name}.partial")),
        &content[..12345],
    )
    .expect("a file");
    let path = cache.get_file(&name).expect("a download");
    assert_eq!(fs::read(path).expect("the file"), content);
    assert_eq!(
        server.requests(),
        [format!("GET /models/{name} Some(12345)")]
    );

    // All of it was there but the check.
    let dir = tempfile::tempdir().expect("a folder");
    let cache = Cache::in_folder(dir.path())
        .mirror(&server.address)
        .progress(false);
    fs::write(dir.path().join(format!("{name}.partial")), &content).expect("a file");
    assert_eq!(
        fs::read(cache.get_file(&name).expect("a file")).expect("the file"),
        content
    );
}

#[test]
fn a_server_without_ranges_sends_the_file_anew() {
    let (content, name) = file();
    let behaviours = [Behaviour::BreakAfter(300_000), Behaviour::IgnoreRange];
    let server = Server::start(content.clone(), &behaviours);
    let dir = tempfile::tempdir().expect("a folder");
    let path = cache(dir.path(), &server)
        .get_file(&name)
        .expect("a download");
    assert_eq!(fs::read(path).expect("the file"), content);
}

#[test]
fn a_server_that_always_breaks_off_is_an_error_and_what_came_is_kept() {
    let (content, name) = file();
    let behaviours = [
        &[Behaviour::BreakAfter(100_000)][..],
        &[Behaviour::BreakAfter(0); 8],
    ]
    .concat();
    let server = Server::start(content.clone(), &behaviours);
    let dir = tempfile::tempdir().expect("a folder");
    let cache = cache(dir.path(), &server);
    let error = cache.get_file(&name).expect_err("it is never whole");
    assert!(matches!(&error, Error::Download { .. }), "{error}");
    let part = fs::read(cache.folder().join(format!("{name}.partial"))).expect("what came");
    assert!(!part.is_empty() && part == content[..part.len()]);
    assert!(!cache.folder().join(&name).exists());
}

#[test]
fn a_wrong_hash_is_refused_and_the_file_not_kept() {
    let (mut content, name) = file();
    content[7] ^= 1;
    let server = Server::start(content, &[]);
    let dir = tempfile::tempdir().expect("a folder");
    let cache = cache(dir.path(), &server);
    let error = cache.get_file(&name).expect_err("another content");
    assert!(matches!(&error, Error::Hash { .. }), "{error}");
    let left: Vec<_> = fs::read_dir(cache.folder())
        .expect("the folder")
        .flatten()
        .collect();
    assert!(
        left.iter()
            .all(|f| f.file_name().to_string_lossy().ends_with(".lock")),
        "{left:?}"
    );

    // One that lies in the cache is refused as well.
    fs::write(cache.folder().join(&name), b"something else").expect("a file");
    assert!(matches!(cache.get_file(&name), Err(Error::Hash { .. })));
}

#[test]
fn what_the_server_refuses_is_an_error_with_the_address() {
    let (content, name) = file();
    let server = Server::start(content, &[Behaviour::Status("404 Not Found")]);
    let dir = tempfile::tempdir().expect("a folder");
    let error = cache(dir.path(), &server)
        .get_file(&name)
        .expect_err("404")
        .to_string();
    assert!(error.contains(&name) && error.contains("404"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

/// The error of downloading from an address, without the address.
fn failure(mirror: &str) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let cache = Cache::in_folder(dir.path()).mirror(mirror).progress(false);
    match cache.get_file("net-01234567.pth") {
        Err(Error::Download { url, what }) => {
            assert_eq!(url, format!("{mirror}/net-01234567.pth"));
            what
        }
        other => panic!("{mirror}: {other:?}"),
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error_that_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    let what = failure(&format!("http://{address}"));
    assert!(what.contains("refused"), "{what}");
    // A name that nobody can have (RFC 6761). What is said of it depends on the network.
    assert!(!failure("http://nobody.invalid").is_empty());
    let what = failure("ftp://127.0.0.1");
    assert!(what.contains("ftp"), "{what}");
}

#[cfg(not(feature = "https"))]
#[test]
fn https_without_the_feature_is_an_error_that_names_it() {
    let what = failure("https://127.0.0.1:1");
    assert!(what.contains("the feature `https`"), "{what}");
}

#[cfg(feature = "https")]
#[test]
fn https_to_what_does_not_speak_it_is_an_error_that_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    let what = failure(&format!("https://{address}"));
    assert!(what.contains("refused"), "{what}");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = |mut s: TcpStream| s.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            // A client that closes early is its own affair.
            let _ = stream.and_then(answer);
        }
    });
    let what = failure(&format!("https://{address}"));
    assert!(what.contains("corrupt message"), "{what}");
}

#[test]
fn several_threads_download_a_file_once() {
    let (content, name) = file();
    let server = Server::start(content.clone(), &[Behaviour::BreakAfter(200_000)]);
    let dir = tempfile::tempdir().expect("a folder");
    let cache = cache(dir.path(), &server);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                start.wait();
                let path = cache.get_file(&name).expect("a download");
                assert_eq!(fs::read(path).expect("the file"), content);
            });
        }
    });
    assert_eq!(server.requests().len(), 2, "{:?}", server.requests());
}

#[test]
fn two_processes_download_a_file_once() {
    // The test program runs itself: with these variables set, this test is the second process.
    if let (Ok(folder), Ok(mirror)) = (std::env::var("TEST_FOLDER"), std::env::var("TEST_MIRROR")) {
        let name = std::env::var("TEST_NAME").expect("set with the others");
        let cache = Cache::in_folder(folder).mirror(mirror).progress(false);
        cache.get_file(&name).expect("a download");
        return;
    }
    let (content, name) = file();
    let server = Server::start(content.clone(), &[Behaviour::BreakAfter(200_000)]);
    let dir = tempfile::tempdir().expect("a folder");
    let program = std::env::current_exe().expect("this program");
    let mut children: Vec<_> = (0..2)
        .map(|_| {
            std::process::Command::new(&program)
                .args(["--exact", "two_processes_download_a_file_once"])
                .env("TEST_FOLDER", dir.path())
                .env("TEST_MIRROR", &server.address)
                .env("TEST_NAME", &name)
                .stdout(std::process::Stdio::null())
                .spawn()
                .expect("a process")
        })
        .collect();
    for child in &mut children {
        assert!(child.wait().expect("its end").success());
    }
    assert_eq!(fs::read(dir.path().join(&name)).expect("the file"), content);
    assert_eq!(server.requests().len(), 2, "{:?}", server.requests());
}

#[test]
fn names_without_a_hash_or_with_a_folder_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let cache = Cache::in_folder(dir.path())
        .mirror("http://127.0.0.1:1")
        .progress(false);
    for name in [
        "net.pth",
        "net-zzzzzzzz.pth",
        "../net-01234567.pth",
        "a/net-01234567.pth",
    ] {
        assert!(
            matches!(cache.get_file(name), Err(Error::Value(_))),
            "{name}"
        );
    }
}

#[test]
fn the_known_weights_are_torchvisions() {
    assert_eq!(imagenet_classes().len(), 1000);
    assert_eq!(Weights::all().len(), 34);
    let resnet = Weights::of("resnet18").expect("known");
    assert_eq!(
        resnet.url(),
        "https://download.pytorch.org/models/resnet18-f37072fd.pth"
    );
    assert!(Weights::of("resnet19").is_none());
}
