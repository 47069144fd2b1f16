//! The control socket: whom it lets in, what it does not, and what no request can do to it.

use crate::harness::{Hearken, JSON, PATIENCE, Setup, ask_with, event, is_root, skip, until};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const POOL: &str = "[pool.echo]\nmode = \"exec\"\ncommand = [\"cat\"]\n";
const SUBMIT: &str = "/v1/pools/echo/tasks";

fn socket(hearken: &Hearken) -> PathBuf {
    hearken.folder().join("state/control.sock")
}

fn start(setup: &Setup) -> Hearken {
    let hearken = setup.clone().start();
    hearken.wait(&event("supervisor_started"));
    until("the control socket", PATIENCE, || UnixStream::connect(socket(&hearken)).ok());
    hearken
}

/// A supervisor of this setup does not come up, for this reason.
#[track_caller]
fn refused(setup: &Setup, why: &str) {
    let config = setup.write();
    let up = setup.command(&["up", "-c", config.to_str().unwrap()]).output().unwrap();
    let error = String::from_utf8_lossy(&up.stderr);
    assert_eq!(up.status.code(), Some(1), "{error}");
    assert!(error.contains(why), "{error}");
}

/// Sends these bytes and reads to the end.
fn raw(socket: &Path, request: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Whoever refuses early may read no more.
    let _refused = stream.write_all(request);
    let mut answer = Vec::new();
    let _cut_off = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn ask(socket: &Path, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
    let answer = ask_with(socket, method, path, headers, body).unwrap();
    (answer.status, answer.json())
}

fn works(socket: &Path) {
    let (status, health) = ask(socket, "GET", "/v1/health", "", "");
    assert_eq!((status, &health["status"]), (200, &"ok".into()));
}

fn descriptors(hearken: &Hearken) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", hearken.pid())).unwrap().count()
}

#[test]
fn the_socket_is_its_owners_alone_and_goes_with_the_daemon() {
    let mut hearken = start(&Setup::new(POOL));
    let path = socket(&hearken);
    let found = std::fs::metadata(&path).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    works(&path);
    hearken.shut_down_well();
    assert!(!path.exists());
}

#[test]
fn a_stale_socket_is_replaced() {
    let setup = Setup::new(POOL);
    let mut killed = start(&setup);
    killed.signal(Signal::SIGKILL);
    killed.end_within(PATIENCE);
    assert!(socket(&killed).exists(), "nobody was left to remove it");
    let mut hearken = setup.clone().start();
    hearken.wait(&event("supervisor_started"));
    until("an answer", PATIENCE, || UnixStream::connect(socket(&hearken)).ok());
    works(&socket(&hearken));
    hearken.shut_down_well();
}

#[test]
fn a_live_socket_is_never_replaced_and_a_file_neither() {
    let at = "control = \"{folder}/run/c.sock\"";
    let first = Setup::new(POOL).supervisor(at);
    let mut hearken = first.clone().start();
    let path = hearken.folder().join("run/c.sock");
    until("the control socket", PATIENCE, || UnixStream::connect(&path).ok());
    let other = Setup::new(POOL).supervisor(&format!("control = \"{}\"", path.display()));
    refused(&other, "another program listens at");
    works(&path);
    hearken.shut_down_well();

    let third = Setup::new(POOL).supervisor(at);
    std::fs::create_dir(third.folder().join("run")).unwrap();
    let file = third.file("run/c.sock", b"precious", 0o644);
    refused(&third, "is no socket, and is left as it is");
    assert_eq!(std::fs::read(file).unwrap(), b"precious");
}

#[test]
fn a_stranger_is_turned_away_by_the_mode_and_where_that_is_open_by_name() {
    if !is_root() {
        return skip("only root can ask as somebody else");
    }
    for (mode, code, part) in
        [("0600", 69, "Permission denied"), ("0666", 69, "uid 65534 may not give commands")]
    {
        let setup = Setup::new(POOL).supervisor(&format!(
            "control = {{ socket = \"{{folder}}/c.sock\", mode = \"{mode}\" }}"
        ));
        std::fs::set_permissions(setup.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut hearken = setup.clone().start();
        let path = hearken.folder().join("c.sock");
        until("the control socket", PATIENCE, || UnixStream::connect(&path).ok());
        let words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
        let stranger = setup.clone().through(&words);
        let asked = stranger
            .command(&["task", "list", "--socket", path.to_str().unwrap()])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&asked.stderr);
        assert_eq!(asked.status.code(), Some(code), "{error}");
        assert!(error.contains(part), "{error}");
        if mode == "0666" {
            hearken.wait(&event("control_denied").is("uid", 65534));
        }
        works(&path);
        hearken.shut_down_well();
    }
}

#[test]
fn five_thousand_idle_connections_keep_nobody_out() {
    let mut hearken = start(&Setup::new(POOL));
    let path = socket(&hearken);
    works(&path);
    let before = descriptors(&hearken);
    let mut held = std::collections::VecDeque::new();
    let mut slowest = Duration::ZERO;
    for number in 0..5000 {
        held.push_back(UnixStream::connect(&path).unwrap());
        if held.len() > 500 {
            held.pop_front();
        }
        if number % 100 == 99 {
            let begun = Instant::now();
            works(&path);
            slowest = slowest.max(begun.elapsed());
            assert!(descriptors(&hearken) <= before + 64, "{number}");
        }
    }
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    drop(held);
    until("all to be closed", PATIENCE, || (descriptors(&hearken) <= before + 1).then_some(()));
    hearken.shut_down_well();
}

#[test]
fn heads_that_are_not_ready_leave_room_for_those_that_are() {
    let mut hearken = start(&Setup::new(POOL));
    let path = socket(&hearken);
    let slow = |number: usize| {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(format!("GET /v1/tasks HTTP/1.1\r\nx{number}: ").as_bytes()).unwrap();
        stream
    };
    // As many as one user has seats but one.
    let mut held: Vec<_> = (0..15).map(slow).collect();
    works(&path);
    until("a refusal", PATIENCE, || {
        // One of whom nothing has been read yet makes room for the next.
        held.push(slow(held.len()));
        let answer = raw(&path, b"GET /v1/health HTTP/1.1\r\nhost: h\r\n\r\n");
        answer.contains("\"busy\"").then_some(())
    });
    // Ten seconds after their first byte they are cut off.
    until("room again", PATIENCE, || {
        raw(&path, b"GET /v1/health HTTP/1.1\r\nhost: h\r\n\r\n").contains("\"ok\"").then_some(())
    });
    hearken.shut_down_well();
}

#[test]
fn no_request_harms_the_daemon() {
    let mut hearken = start(&Setup::new(POOL));
    let path = socket(&hearken);
    let many = format!("GET /v1/health HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(10_000));
    let hostile: [&[u8]; 5] = [
        b"\0\xff\0\xff\0\xff\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/health HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        many.as_bytes(),
        b"POST /v1/pools/echo/tasks HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 9999999999999\r\n\r\n{",
    ];
    for request in hostile {
        let answer = raw(&path, request);
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{:.40}: {answer:?}", String::from_utf8_lossy(request));
    }
    let deep = format!("{{\"payload\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let table = [
        ("GET", "/v1/tasks/..%2f..%2f..%2fetc%2fpasswd", "", "", 404, "no_task"),
        ("GET", "/v1/../../etc/passwd", "", "", 404, "no_route"),
        ("GET", "//etc/passwd", "", "", 404, "no_route"),
        ("POST", "/v1/pools/%2e%2e%2fecho/tasks", JSON, "{}", 404, "no_pool"),
        ("POST", "/v1/pools/echo%00/tasks", JSON, "{}", 404, "no_pool"),
        (
            "POST",
            SUBMIT,
            "origin: http://evil.example\r\ncontent-type: application/json\r\n",
            "{}",
            403,
            "browser",
        ),
        ("POST", SUBMIT, "content-type: text/plain\r\n", "{}", 415, "unknown_content_type"),
        ("POST", SUBMIT, JSON, "{\"payload\":", 400, "malformed"),
        ("POST", SUBMIT, JSON, &deep, 400, "too_deep"),
        ("POST", SUBMIT, JSON, "{\"payload\":1}{", 400, "malformed"),
        ("DELETE", "/v1/tasks", "", "", 405, "wrong_method"),
    ];
    for (method, target, headers, body, status, code) in table {
        let (answered, answer) = ask(&path, method, target, headers, body);
        assert_eq!(
            (answered, &answer["error"]["code"]),
            (status, &code.into()),
            "{method} {target}"
        );
        assert!(answer["error"]["help"].as_str().is_some_and(|help| !help.is_empty()));
    }
    let (_, list) = ask(&path, "GET", "/v1/tasks", "", "");
    assert_eq!(list["tasks"], Value::Array(Vec::new()), "nothing of all that was kept");
    hearken.shut_down_well();
}

#[test]
fn a_body_of_32_mib_is_taken_and_a_longer_one_is_not() {
    let mut hearken = start(&Setup::new(&format!("{POOL}max_payload = \"15MiB\"\n")));
    let path = socket(&hearken);
    let task = format!("{{\"payload\":\"{}\",\"delay\":\"1h\"}}", "x".repeat(14 << 20));
    let (status, kept) =
        ask(&path, "POST", SUBMIT, JSON, &format!("{{\"tasks\":[{task},{task}]}}"));
    assert_eq!((status, kept["tasks"].as_array().map(Vec::len)), (201, Some(2)), "{kept}");
    let (status, refused) =
        ask(&path, "POST", SUBMIT, JSON, &format!("{{\"tasks\":[{task},{task},{task}]}}"));
    assert_eq!((status, &refused["error"]["code"]), (413, &"too_large".into()));
    works(&path);
    hearken.shut_down_well();
}

#[test]
fn a_submission_that_is_cut_off_is_kept_wholly_or_not_at_all_and_can_be_sent_again() {
    let setup = Setup::new(POOL);
    let hearken = start(&setup);
    let path = socket(&hearken);
    let id = "0192f0c1-7a3b-7c4d-8e5f-0123456789ab";
    let body = format!("{{\"id\":\"{id}\",\"payload\":\"x\",\"delay\":\"1h\"}}");
    let request = format!(
        "POST {SUBMIT} HTTP/1.1\r\nhost: h\r\n{JSON}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    // The client is killed at every place of its request, and once before it reads the answer.
    for cut in (0..=request.len()).step_by(7).chain([request.len()]) {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(&request.as_bytes()[..cut]).unwrap();
    }
    let (status, answer) = until("room for one more", PATIENCE, || {
        let (status, answer) = ask(&path, "POST", SUBMIT, JSON, &body);
        (answer["error"]["code"] != "busy").then_some((status, answer))
    });
    assert!(matches!(status, 200 | 201), "{answer}");
    assert_eq!(answer["tasks"][0]["id"], id);

    // So does the daemon, after it has answered.
    hearken.signal(Signal::SIGKILL);
    drop(hearken);
    let mut hearken = start(&setup);
    let (status, answer) = ask(&path, "POST", SUBMIT, JSON, &body);
    assert_eq!((status, &answer["tasks"][0]["outcome"]), (200, &"duplicate".into()));
    let (_, list) = ask(&path, "GET", "/v1/tasks", "", "");
    assert_eq!(list["tasks"].as_array().map(Vec::len), Some(1));
    hearken.shut_down_well();
}
