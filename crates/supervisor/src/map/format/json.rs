//! A finished input as one JSON object.

use crate::map::finished::{Finished, Outcome};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearken_proto::Raw;
use std::io::Write as _;
use std::time::SystemTime;

/// Appends it, without a newline.
pub(super) fn object(finished: &Finished, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail, here and below.
    let _infallible =
        write!(out, r#"{{"index":{},"status":"{}""#, finished.index, finished.status.as_str());
    match &finished.outcome {
        Outcome::Nothing => {}
        Outcome::Value(value) => field("result", value, out),
        Outcome::Bytes(bytes) => field("result", &Raw::binary(bytes), out),
    }
    if let Some(error) = &finished.error {
        let _infallible = write!(out, r#","error":{}"#, error.json);
    }
    let (attempts, crashes) = (finished.attempts, finished.crashes);
    let _infallible = write!(out, r#","attempts":{attempts},"crashes":{crashes}"#);
    if let Some(started) = finished.started {
        let seconds = finished.took.as_secs_f64();
        let _infallible = write!(out, r#","started":"{}","seconds":{seconds:.3}"#, time(started));
    }
    if !finished.worker.is_empty() {
        // The name of a slot needs no escapes.
        let _infallible = write!(out, r#","worker":"{}""#, finished.worker);
    }
    if let Some(input) = &finished.input {
        field("input", input, out);
    }
    out.push(b'}');
}

/// `,"name":value`, or what comes nearest.
fn field(name: &str, value: &Raw, out: &mut Vec<u8>) {
    let _infallible = match (of(value), value.content()) {
        ((json, true), _) => write!(out, r#","{name}":{json}"#),
        (_, Some(bytes)) => write!(out, r#","{name}_base64":"{}""#, STANDARD.encode(bytes)),
        ((json, false), None) => write!(out, r#","{name}":{json},"inexact":true"#),
    };
}

/// A value as JSON, and whether that says all of it.
pub(super) fn of(value: &Raw) -> (String, bool) {
    match value.to_exact_json() {
        Ok(json) => (json, true),
        Err(_what_json_cannot_say) => (value.to_json(usize::MAX), false),
    }
}

/// A moment as the log writes it.
pub(super) fn time(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map(|at| format!("{at:.3}")).unwrap_or_default()
}
