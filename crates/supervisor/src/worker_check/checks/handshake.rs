//! The first words.

use super::super::Bench;
use super::super::conversation::{Conversation, welcome};
use super::super::fault::Setback;
use super::super::report::Section;
use super::{Check, Needs};
use hearken_proto::{DEFAULT_MAX_FRAME, PROTOCOL, Ping, Raw, Reject, ToChild};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "hello",
        tries: "the first frame is hello, with a protocol range, the SDK and the language",
        section: Section::Life,
        needs: Needs::Nothing,
        after: None,
        run: hello,
    },
    Check {
        name: "task_types",
        tries: "a hello that names task types names those it is given",
        section: Section::FromChild,
        needs: Needs::Nothing,
        after: Some("hello"),
        run: task_types,
    },
    Check {
        name: "welcome",
        tries: "a welcome with every field is taken, and the worker speaks on",
        section: Section::ToChild,
        needs: Needs::Nothing,
        after: Some("hello"),
        run: welcomed,
    },
    Check {
        name: "ready",
        tries: "ready follows, with one credit or more",
        section: Section::FromChild,
        needs: Needs::Nothing,
        after: Some("welcome"),
        run: ready,
    },
    Check {
        name: "reject",
        tries: "a reject in the place of a welcome ends the worker",
        section: Section::Versions,
        needs: Needs::Nothing,
        after: Some("hello"),
        run: reject,
    },
];

fn hello(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::start(bench, DEFAULT_MAX_FRAME)?;
    let hello = talk.hello()?;
    if !hello.protocol.includes(PROTOCOL) {
        let came = format!("the versions {} to {}", hello.protocol.min(), hello.protocol.max());
        return Err(talk.fault(&format!("a range that holds {PROTOCOL}"), came));
    }
    for (field, said) in [("sdk", &hello.sdk), ("language", &hello.language)] {
        if said.trim().is_empty() {
            return Err(talk.fault(&format!("{field} with a name"), "an empty text".to_owned()));
        }
    }
    if hello.pid == 0 {
        return Err(talk.fault("the pid as the worker sees it", "0".to_owned()));
    }
    Ok(())
}

fn task_types(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::start(bench, DEFAULT_MAX_FRAME)?;
    let Some(types) = talk.hello()?.task_types else {
        return Err(Setback::NotApplicable("its hello names no task types".to_owned()));
    };
    let given = [
        Some(&bench.asked.payload),
        bench.asked.fail.as_ref(),
        bench.asked.slow.as_ref(),
        bench.asked.large.as_ref(),
    ];
    for work in given.into_iter().flatten() {
        let Some(wanted) = work.task_type(bench.asked.task_type.as_deref()) else {
            continue;
        };
        if !types.iter().any(|named| named == wanted) {
            return Err(talk.fault(&format!("{wanted:?} among its types"), format!("{types:?}")));
        }
    }
    Ok(())
}

fn welcomed(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::start(bench, DEFAULT_MAX_FRAME)?;
    talk.hello()?;
    let config = Raw::from_value(&serde_json::json!({ "colour": "green", "sizes": [1, 2] }))
        .expect("a small map");
    let mut welcome = welcome();
    welcome.heartbeat_ms = Some(60_000);
    welcome.config = Some(config);
    talk.say(ToChild::Welcome(welcome));
    talk.say(ToChild::Ping(Ping { sequence: 1 }));
    talk.speaks()
}

fn ready(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::start(bench, DEFAULT_MAX_FRAME)?;
    talk.hello()?;
    talk.say(ToChild::Welcome(welcome()));
    match talk.ready()? {
        0 => Err(talk.fault("one credit or more", "no credit".to_owned())),
        _ => Ok(()),
    }
}

fn reject(bench: &Bench<'_>) -> Result<(), Setback> {
    let mut talk = Conversation::start(bench, DEFAULT_MAX_FRAME)?;
    talk.hello()?;
    let message = "worker-check speaks no version of yours, for the sake of the check";
    talk.say(ToChild::Reject(Reject {
        code: "unsupported_protocol".to_owned(),
        message: message.into(),
    }));
    talk.flush()?;
    talk.ends_by_itself()
}
