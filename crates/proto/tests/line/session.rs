//! The order of messages, as sentences; then as a law, against a tiny model.

use hearken_proto::{
    DEFAULT_MAX_FRAME, Decoded, FromChild, Handle, Heard, Kind, MAX_FRAME_BEFORE_WELCOME, Message,
    Mode, Session, Violation, decode_json,
};
use proptest::prelude::*;

use crate::cases;

fn say(session: &mut Session, json: &str) -> Result<Heard, Violation> {
    session.receive(decode_json(json.as_bytes()).unwrap())
}

fn hello(session: &mut Session) {
    let heard = say(session, HELLO).unwrap();
    assert!(matches!(heard, Heard::Hello { protocol: 1, .. }));
}

const HELLO: &str = r#"{"kind":"hello","protocol":[1,1],"sdk":"s","language":"l","pid":1}"#;
const READY: &str = r#"{"kind":"ready"}"#;
const RESULT: &str = r#"{"kind":"result","handle":7}"#;

#[test]
fn hello_comes_first() {
    let mut session = Session::default();
    assert_eq!(say(&mut session, READY), Err(Violation::HelloExpected { got: Kind::Ready }));
    assert_eq!(say(&mut session, HELLO), Err(Violation::LineEnded), "there is no second chance");

    let mut session = Session::default();
    let unknown = session.receive(Decoded::Ancillary { kind: 99 });
    assert_eq!(unknown.unwrap_err().code(), "hello_expected");
}

#[test]
fn a_second_hello_ends_the_line() {
    let mut session = Session::default();
    hello(&mut session);
    assert_eq!(say(&mut session, HELLO), Err(Violation::SecondHello));
}

#[test]
fn in_json_mode_any_message_stands_for_hello() {
    let mut session = Session::new(Mode::Json, DEFAULT_MAX_FRAME);
    assert!(matches!(say(&mut session, READY), Ok(Heard::Ready(_))));
    assert!(session.has_spoken());
    assert_eq!(say(&mut session, HELLO), Err(Violation::SecondHello));

    let mut session = Session::new(Mode::Json, DEFAULT_MAX_FRAME);
    hello(&mut session);
    assert!(matches!(say(&mut session, READY), Ok(Heard::Ready(_))));
}

#[test]
fn a_range_that_holds_our_version_is_welcome() {
    for (range, welcome) in [("[0,1]", true), ("[1,9]", true), ("[0,0]", false), ("[2,3]", false)] {
        let mut session = Session::default();
        match (say(&mut session, &HELLO.replace("[1,1]", range)), welcome) {
            (Ok(Heard::Hello { protocol: 1, .. }), true) => {}
            (Ok(Heard::Unsupported { reject, .. }), false) => {
                assert_eq!(reject.code, "unsupported_protocol");
                assert_eq!(say(&mut session, READY), Err(Violation::LineEnded));
            }
            (heard, _) => panic!("{range}: {heard:?}"),
        }
    }
}

#[test]
fn after_exiting_only_farewells_are_heard() {
    let mut session = Session::default();
    hello(&mut session);
    say(&mut session, r#"{"kind":"exiting","intent":"done"}"#).unwrap();
    assert!(session.is_exiting());
    say(&mut session, r#"{"kind":"log","level":2,"message":"bye"}"#).unwrap();
    say(&mut session, r#"{"kind":"heartbeat","sequence":1}"#).unwrap();
    say(&mut session, r#"{"kind":"status","text":"bye"}"#).unwrap();
    session.receive(Decoded::Ancillary { kind: 100 }).unwrap();
    let progress = say(&mut session, r#"{"kind":"progress"}"#);
    assert_eq!(progress, Err(Violation::AfterExiting { got: Kind::Progress }));
}

#[test]
fn a_task_that_is_not_held_is_stale_and_no_violation() {
    let mut session = Session::default();
    hello(&mut session);
    let stale = Heard::Stale { kind: Kind::Result, handle: Handle(7) };
    assert_eq!(say(&mut session, RESULT), Ok(stale.clone()));
    assert!(session.open(Handle(7)));
    assert!(matches!(say(&mut session, RESULT), Ok(Heard::Result(_))));
    assert_eq!(say(&mut session, RESULT), Ok(stale), "a task ends once");
}

#[test]
fn frames_are_short_until_the_child_has_said_hello() {
    let mut session = Session::default();
    assert_eq!(session.max_frame(), MAX_FRAME_BEFORE_WELCOME);
    hello(&mut session);
    assert_eq!(session.max_frame(), DEFAULT_MAX_FRAME);
}

/// Everything a child can say, from the vectors.
fn any_message() -> impl Strategy<Value = Decoded> {
    let messages: Vec<FromChild> = cases::from_child().into_iter().map(|c| c.message).collect();
    prop_oneof![
        20 => proptest::sample::select(messages).prop_map(Decoded::Message),
        1 => (66..=127_u8).prop_map(|kind| Decoded::Ancillary { kind }),
    ]
}

fn is_farewell(decoded: &Decoded) -> bool {
    match decoded {
        Decoded::Ancillary { .. } => true,
        Decoded::Message(message) => {
            [Kind::Log, Kind::Status, Kind::Heartbeat, Kind::Metric, Kind::Event]
                .contains(&message.kind())
        }
    }
}

proptest! {
    #[test]
    fn the_order_of_messages_is_a_law(
        json in any::<bool>(),
        messages in proptest::collection::vec(any_message(), 0..40),
        opened in proptest::collection::vec(any::<bool>(), 40),
    ) {
        let mode = if json { Mode::Json } else { Mode::MessagePack };
        let mut session = Session::new(mode, DEFAULT_MAX_FRAME);
        let (mut spoken, mut exiting, mut ended) = (false, false, false);
        for (message, open) in messages.into_iter().zip(opened) {
            if open {
                session.open(Handle(7));
            }
            let kind = match &message {
                Decoded::Message(message) => Some(message.kind()),
                Decoded::Ancillary { .. } => None,
            };
            let allowed = !ended
                && match kind {
                    Some(Kind::Hello) => !spoken,
                    Some(_) => (spoken || json) && (!exiting || is_farewell(&message)),
                    None => spoken,
                };
            prop_assert_eq!(session.receive(message).is_ok(), allowed);
            ended |= !allowed;
            spoken |= allowed;
            exiting |= allowed && kind == Some(Kind::Exiting);
        }
    }
}
