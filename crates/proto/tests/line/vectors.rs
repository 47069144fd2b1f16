//! The golden frames: what this crate writes today, what it must still read tomorrow, in `vectors/`.
//!
//! `HEARKEN_BLESS=1 cargo test -p hearken-proto --test line` writes the files anew; the `also` lists in them, made
//! by `vectors/also.py` and `vectors/also.php`, are kept.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use hearken_proto::{
    Decoded, Direction, EncodeError, FromChild, Kind, Message, ToChild, Violation, decode_frame,
    decode_frame_for_child, decode_json, decode_json_for_child, encode_frame, encode_json,
};
use serde_json::{Value, json};

use crate::cases::{self, Case};
use crate::rejected;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "an odd number of digits: {text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The body behind a length head that tells the truth.
fn body(frame: &[u8]) -> &[u8] {
    let (head, body) = frame.split_first_chunk::<4>().expect("a length head");
    assert_eq!(u32::from_be_bytes(*head) as usize, body.len());
    body
}

fn file_of(kind: Kind) -> PathBuf {
    directory().join(format!("{:02}_{}.json", kind.number(), kind.name()))
}

fn stored(path: &Path) -> Value {
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).expect("a vector file is JSON"),
        Err(_) => Value::Null,
    }
}

fn blessing() -> bool {
    std::env::var_os("HEARKEN_BLESS").is_some()
}

fn compare_or_bless(path: &Path, fresh: &Value) {
    if blessing() {
        let text = serde_json::to_string_pretty(fresh).unwrap() + "\n";
        fs::write(path, text).unwrap();
    }
    assert_eq!(&stored(path), fresh, "{}: bless it if the change is meant", path.display());
}

/// Direction by direction the same four functions.
trait Side: Message + PartialEq + std::fmt::Debug {
    fn from_frame(body: &[u8]) -> Result<Decoded<Self>, Violation>;
    fn from_json(line: &[u8]) -> Result<Decoded<Self>, Violation>;
}

impl Side for FromChild {
    fn from_frame(body: &[u8]) -> Result<Decoded<Self>, Violation> {
        decode_frame(body)
    }

    fn from_json(line: &[u8]) -> Result<Decoded<Self>, Violation> {
        decode_json(line)
    }
}

impl Side for ToChild {
    fn from_frame(body: &[u8]) -> Result<Decoded<Self>, Violation> {
        decode_frame_for_child(body)
    }

    fn from_json(line: &[u8]) -> Result<Decoded<Self>, Violation> {
        decode_json_for_child(line)
    }
}

/// Checks one kind's cases against its file.
fn check<M: Side>(kind: Kind, cases: &[Case<M>]) {
    assert!(!cases.is_empty(), "{kind} has no vectors");
    let path = file_of(kind);
    let old = stored(&path);
    let mut fresh = Vec::new();
    for case in cases {
        let mut frame = BytesMut::new();
        encode_frame(&case.message, &mut frame).expect("a vector can be written");
        let also = old["cases"]
            .as_array()
            .and_then(|cases| cases.iter().find(|old| old["about"] == case.about))
            .map_or(json!([]), |old| old["also"].clone());

        let message = Decoded::Message(&case.message);
        for other in also.as_array().expect("also is a list") {
            let other = unhex(other.as_str().expect("hex"));
            let Ok(Decoded::Message(read)) = M::from_frame(body(&other)) else {
                panic!("{kind}, {}: cannot read {}", case.about, hex(&other));
            };
            assert_eq!(Decoded::Message(&read), message, "{kind}, {}: {}", case.about, hex(&other));
        }
        let Ok(Decoded::Message(read)) = M::from_frame(body(&frame)) else {
            panic!("{kind}, {}: cannot read its own frame", case.about);
        };
        assert_eq!(Decoded::Message(&read), message);
        let mut again = BytesMut::new();
        encode_frame(&read, &mut again).unwrap();
        assert_eq!(hex(&again), hex(&frame), "{kind}, {}: not the same bytes again", case.about);

        let mut entry = json!({ "about": case.about, "frame": hex(&frame), "also": also });
        let mut line = BytesMut::new();
        match encode_json(&case.message, &mut line) {
            Ok(()) => {
                assert_eq!(line.iter().filter(|&&byte| byte == b'\n').count(), 1);
                if !case.binary {
                    assert_eq!(M::from_json(&line), Ok(Decoded::Message(read)), "{kind}: JSON");
                }
                entry["json"] = serde_json::from_slice(&line).unwrap();
            }
            // Bytes that are no text: such a case has no JSON.
            Err(EncodeError::NotJson { .. }) => entry["json"] = Value::Null,
            Err(error) => panic!("{kind}, {}: {error}", case.about),
        }
        if case.binary {
            entry["binary"] = json!(true);
        }
        fresh.push(entry);
    }
    let direction = match kind.direction() {
        Direction::ToSupervisor => "to_supervisor",
        Direction::ToChild => "to_child",
    };
    let fresh = json!({
        "kind": kind.number(), "name": kind.name(), "direction": direction, "cases": fresh,
    });
    compare_or_bless(&path, &fresh);
}

#[test]
fn every_message_is_written_and_read_as_its_vector_says() {
    let from_child = cases::from_child();
    let to_child = cases::to_child();
    for &kind in Kind::ALL {
        match kind.direction() {
            Direction::ToSupervisor => check(kind, &of_kind(&from_child, kind)),
            Direction::ToChild => check(kind, &of_kind(&to_child, kind)),
        }
    }
}

fn of_kind<M: Side + Clone>(cases: &[Case<M>], kind: Kind) -> Vec<Case<M>> {
    cases.iter().filter(|case| case.message.kind() == kind).cloned().collect()
}

#[test]
fn every_rejected_frame_is_rejected_for_the_reason_given() {
    let mut fresh = Vec::new();
    for (about, body) in rejected::rejected() {
        let violation = match decode_frame(&body) {
            Err(violation) => violation,
            Ok(decoded) => panic!("{about} was read as {decoded:?}"),
        };
        let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        frame.extend_from_slice(&body);
        fresh.push(json!({ "about": about, "frame": hex(&frame), "code": violation.code() }));
    }
    compare_or_bless(&directory().join("rejected.json"), &Value::Array(fresh));
}
