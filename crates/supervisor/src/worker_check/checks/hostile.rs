//! The end of the line, and bytes that are no protocol: both end the worker, and soon.

use super::super::Bench;
use super::super::conversation::Conversation;
use super::super::fault::Setback;
use super::super::report::Section;
use super::framing::{frame, framed};
use super::{Check, Needs};
use hearken_proto::{DEFAULT_MAX_FRAME, Kind, MAX_DEPTH};
use serde_json::json;

/// A check that sends these bytes.
macro_rules! sends {
    ($name:literal, $tries:literal, $section:ident, $bytes:expr) => {
        Check {
            name: $name,
            tries: $tries,
            section: Section::$section,
            needs: Needs::Nothing,
            after: Some("ready"),
            run: |bench| ends_at(bench, &$bytes),
        }
    };
}

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "line_end",
        tries: "the end of the line ends the worker",
        section: Section::Life,
        needs: Needs::Nothing,
        after: Some("ready"),
        run: line_end,
    },
    Check {
        name: "half_frame",
        tries: "the end of the line in the middle of a frame ends it, too",
        section: Section::Life,
        needs: Needs::Nothing,
        after: Some("ready"),
        run: half_frame,
    },
    sends!("empty_frame", "a length of 0 ends it", Frame, [0, 0, 0, 0]),
    sends!(
        "huge_frame",
        "a length of 4 GiB ends it, before any of that comes",
        Frame,
        [0xff, 0xff, 0xff, 0xff]
    ),
    sends!(
        "frame_too_long",
        "a length of one byte more than welcome.max_frame ends it",
        Frame,
        (DEFAULT_MAX_FRAME + 1).to_be_bytes()
    ),
    sends!("garbage", "a frame of text ends it", Frame, framed(b"GET / HTTP/1.1\r\n\r\n")),
    sends!("trailing_bytes", "bytes behind the value of a frame end it", Frame, trailing()),
    sends!(
        "truncated_value",
        "a value that claims more than its frame holds ends it",
        Frame,
        // [38, {"sequence": a text of 4 GiB}]
        framed(b"\x92\x26\x81\xa8sequence\xdb\xff\xff\xff\xff")
    ),
    sends!("nesting", "a value nested 33 deep ends it", Frame, nested(MAX_DEPTH + 1)),
    sends!("deep_nesting", "a value nested 100,000 deep ends it", Frame, nested(100_000)),
    sends!(
        "unknown_critical",
        "a message of an unknown kind below 64 ends it",
        Versions,
        frame(50, &json!({ "weather": "fine" }))
    ),
    sends!(
        "wrong_direction",
        "a message that only a child may say ends it",
        FromChild,
        frame(Kind::Ready.number(), &json!({ "credits": 1 }))
    ),
];

fn trailing() -> Vec<u8> {
    let body = framed(b"\x92\x26\x81\xa8sequence\x05\xc0");
    body.to_vec()
}

/// A ping with an unknown field that makes the whole so many levels deep.
fn nested(depth: usize) -> Vec<u8> {
    let mut body = b"\x92\x26\x82\xa8sequence\x05\xa4deep".to_vec();
    body.resize(body.len() + depth.saturating_sub(2), 0x91);
    body.push(0xc0);
    framed(&body).to_vec()
}

fn line_end(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    talk.hang_up();
    talk.ends_by_itself()
}

fn half_frame(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    talk.say_bytes(&[0, 0, 0, 9, 0x92, 0x26]);
    talk.flush()?;
    talk.hang_up();
    talk.ends_by_itself()
}

fn ends_at(bench: &Bench<'_>, bytes: &[u8]) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    talk.say_bytes(bytes);
    talk.ends_by_itself()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearken_proto::{Violation, decode_frame_for_child};

    fn violation(frame: &[u8]) -> Option<Violation> {
        decode_frame_for_child(&frame[4..]).err()
    }

    #[test]
    fn the_reference_refuses_each_frame_for_the_reason_it_is_sent_for() {
        assert_eq!(violation(&nested(MAX_DEPTH)), None);
        assert_eq!(violation(&nested(MAX_DEPTH + 1)), Some(Violation::TooDeep));
        assert_eq!(violation(&nested(100_000)), Some(Violation::TooDeep));
        assert_eq!(violation(&trailing()), Some(Violation::TrailingBytes { extra: 1 }));
        let garbage = framed(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(violation(&garbage), Some(Violation::NotAMessage { first: b'G' }));
    }
}
