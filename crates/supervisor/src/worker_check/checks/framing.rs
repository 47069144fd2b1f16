//! Frames as they may also come.

use super::super::Bench;
use super::super::conversation::Conversation;
use super::super::fault::Setback;
use super::super::report::Section;
use super::{Check, Needs};
use bytes::{BufMut as _, BytesMut};
use hearken_proto::{Kind, Ping, Raw, Task, ToChild, encode_frame};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "unknown_ancillary",
        tries: "a message of an unknown kind from 64 on is dropped",
        section: Section::Versions,
        needs: Needs::Nothing,
        after: Some("result"),
        run: unknown_ancillary,
    },
    Check {
        name: "unknown_fields",
        tries: "fields of a later version are ignored, in welcome, ping and task",
        section: Section::Frame,
        needs: Needs::Nothing,
        after: Some("result"),
        run: unknown_fields,
    },
    Check {
        name: "lenient_values",
        tries: "an integral float is an integer, and an empty array an empty map",
        section: Section::Frame,
        needs: Needs::Nothing,
        after: Some("result"),
        run: lenient_values,
    },
    Check {
        name: "split_frames",
        tries: "frames that come byte by byte are read right",
        section: Section::Frame,
        needs: Needs::Nothing,
        after: Some("result"),
        run: split_frames,
    },
    Check {
        name: "many_frames",
        tries: "200 pings and a task in one write are all read",
        section: Section::Frame,
        needs: Needs::Nothing,
        after: Some("result"),
        run: many_frames,
    },
];

/// Between two bytes, so that the worker gets each for itself.
const PAUSE: Duration = Duration::from_millis(1);

/// A frame of this kind with these fields, whatever they are.
pub(super) fn frame(kind: u8, fields: &Value) -> BytesMut {
    framed(Raw::from_value(&(kind, fields)).expect("shallow").as_msgpack())
}

/// A frame of this body, whatever it is.
pub(super) fn framed(body: &[u8]) -> BytesMut {
    let mut frame = BytesMut::with_capacity(body.len() + 4);
    frame.put_u32(u32::try_from(body.len()).expect("the bodies of the checks are small"));
    frame.put_slice(body);
    frame
}

fn task_fields(task: &Task) -> Value {
    let payload: Value = task.payload.decode().unwrap_or_default();
    let mut fields = json!({
        "handle": task.handle, "id": task.id, "attempt": task.attempt,
        "crashes": task.crashes, "payload": payload,
    });
    if let Some(task_type) = &task.task_type {
        fields["type"] = json!(task_type);
    }
    fields
}

fn unknown_ancillary(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    for kind in [66, 100, 127] {
        talk.say_bytes(&frame(kind, &json!({ "weather": "fine", "handle": 1 })));
    }
    talk.still_works()
}

fn unknown_fields(bench: &Bench<'_>) -> Result<(), Setback> {
    let later = json!({ "deep": [true, null, 2.5, { "er": "still" }] });
    let mut talk = Conversation::start(bench, hearken_proto::DEFAULT_MAX_FRAME)?;
    talk.hello()?;
    talk.say_bytes(&frame(
        Kind::Welcome.number(),
        &json!({
            "protocol": 1, "unit": "worker-check", "instance": 1, "incarnation": 1,
            "max_frame": hearken_proto::DEFAULT_MAX_FRAME, "from_a_later_version": later,
        }),
    ));
    talk.ready()?;
    talk.say_bytes(&frame(Kind::Ping.number(), &json!({ "sequence": 5, "later": later })));
    talk.heartbeat_of(5)?;
    let task = talk.make(&bench.asked.payload);
    let mut fields = task_fields(&task);
    fields["from_a_later_version"] = later;
    talk.say_bytes(&frame(Kind::Task.number(), &fields));
    talk.result(task.handle).map(|_| ())
}

fn lenient_values(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    talk.say_bytes(&frame(Kind::Ping.number(), &json!({ "sequence": 5.0 })));
    talk.heartbeat_of(5)?;
    let task = talk.make(&bench.asked.payload);
    let mut fields = task_fields(&task);
    fields["attempt"] = json!(1.0);
    fields["headers"] = json!([]);
    talk.say_bytes(&frame(Kind::Task.number(), &fields));
    talk.result(task.handle).map(|_| ())
}

fn split_frames(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let task = talk.make(&bench.asked.payload);
    let handle = task.handle;
    let mut stream = BytesMut::new();
    for message in [ToChild::Ping(Ping { sequence: 5 }), ToChild::Task(Box::new(task))] {
        encode_frame(&message, &mut stream).expect("within the limits");
    }
    // A long payload is not split to its end, or the frame would not be complete in time.
    let (split, rest) = stream.split_at(stream.len().min(1000));
    for byte in split {
        talk.say_bytes(&[*byte]);
        talk.flush()?;
        talk.listen(PAUSE)?;
    }
    talk.say_bytes(rest);
    talk.heartbeat_of(5)?;
    talk.result(handle).map(|_| ())
}

fn many_frames(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::open(bench)?;
    let sequences = 1000..1200;
    for sequence in sequences.clone() {
        talk.say(ToChild::Ping(Ping { sequence }));
    }
    let handle = talk.give(&bench.asked.payload);
    for sequence in sequences {
        talk.heartbeat_of(sequence)?;
    }
    talk.result(handle).map(|_| ())
}
