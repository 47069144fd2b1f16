//! Whatever bytes come, nothing panics, recurses without bound or allocates by a claim; and what is written is read.

use bytes::BytesMut;
use hearken_proto::{
    Decoded, ErrorKind, ErrorMessage, FrameReader, FromChild, Handle, Heard, Level, Log, MAX_FRAME,
    MAX_MESSAGE, Message, Mode, Progress, Raw, SecondLook, Session, Violation, decode_frame,
    decode_frame_for_child, decode_json, decode_json_for_child, encode_frame, encode_json, excerpt,
};
use proptest::prelude::*;

use crate::{cases, rejected};

/// A frame's body that is well-formed up to some point, from the vectors, with a few bytes changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let mut bodies = Vec::new();
    let mut frame = BytesMut::new();
    for case in cases::from_child() {
        encode_frame(&case.message, &mut frame).unwrap();
        bodies.push(frame.split().split_off(4).to_vec());
    }
    for case in cases::to_child() {
        encode_frame(&case.message, &mut frame).unwrap();
        bodies.push(frame.split().split_off(4).to_vec());
    }
    bodies.extend(rejected::rejected().into_iter().map(|(_, body)| body));
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (proptest::sample::select(bodies), changes).prop_map(|(mut body, changes)| {
        for (at, byte) in changes {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = byte;
            }
        }
        body
    })
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        // Markers that nest or claim, where they hurt most.
        proptest::collection::vec(
            proptest::sample::select(b"\x91\x81\xdc\xdd\xdf\xc6\xc7\xff\x92\x08\xa4kind".to_vec()),
            0..200
        )
        .prop_map(|tail| [&[0x92, 0x08][..], &tail].concat()),
        damaged(),
    ]
}

fn any_opaque() -> impl Strategy<Value = Raw> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".*".prop_map(Into::into),
    ];
    let value = leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(Into::into),
            proptest::collection::hash_map(".*", inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    });
    let map = proptest::collection::hash_map(".{0,40}", value, 0..20);
    map.prop_map(|map| Raw::from_value(&map).unwrap())
}

fn any_log() -> impl Strategy<Value = FromChild> {
    (
        any::<Option<u32>>(),
        0..=5_u8,
        ".{0,300}",
        proptest::option::of(".*"),
        proptest::option::of(any_opaque()),
        any::<Option<i64>>(),
    )
        .prop_map(|(handle, level, message, target, fields, time)| {
            let level = Level::try_from(level).unwrap();
            let handle = handle.map(Handle);
            FromChild::Log(Log { handle, level, message: message.into(), target, fields, time })
        })
}

fn any_progress() -> impl Strategy<Value = FromChild> {
    (any::<Option<u32>>(), any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<String>>())
        .prop_map(|(handle, done, total, unit)| {
            let handle = handle.map(Handle);
            FromChild::Progress(Progress { handle, done, total, unit, ..Progress::default() })
        })
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(body in any_bytes()) {
        let decoded = decode_frame(&body);
        let _ = decode_frame_for_child(&body);
        let _ = (SecondLook::at(&body), excerpt(&body));
        for mode in [Mode::MessagePack, Mode::Json] {
            if let Ok(decoded) = decoded.clone() {
                let _ = Session::new(mode, MAX_FRAME).receive(decoded);
            }
        }
        if let Ok(Decoded::Message(message)) = decoded {
            let mut out = BytesMut::new();
            // What was read can be written, and is read as the same.
            encode_frame(&message, &mut out).unwrap();
            prop_assert_eq!(decode_frame(&out[4..]), Ok(Decoded::Message(message.clone())));
            let _ = encode_json(&message, &mut out);
        }
    }

    #[test]
    fn no_bytes_make_an_opaque_value_panic(bytes in any_bytes(), limit in 0..300_usize) {
        if let Ok(value) = Raw::from_msgpack(bytes) {
            let shown = value.to_json(limit);
            prop_assert!(shown.len() <= limit + 512);
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&shown).is_ok(), "{}", shown);
            let _ = value.decode::<serde_json::Value>();
        }
    }

    #[test]
    fn no_line_makes_the_json_decoder_panic(line in any_bytes(), text in "[ -~]{0,120}") {
        let _ = decode_json(&line);
        let _ = decode_json(text.as_bytes());
        let _ = decode_json_for_child(format!(r#"{{"kind":"task",{text}}}"#).as_bytes());
        let _ = decode_json(format!(r#"{{"kind":"log","level":1,"message":"","fields":{text}}}"#).as_bytes());
    }

    #[test]
    fn no_stream_makes_the_frame_reader_panic(
        pieces in proptest::collection::vec(any_bytes(), 0..10), max in any::<u32>(),
    ) {
        let mut reader = FrameReader::new(max);
        for piece in pieces {
            reader.push(&piece);
            while let Ok(Some(body)) = reader.pop() {
                prop_assert!(!body.is_empty() && body.len() <= max as usize);
            }
        }
        prop_assert_eq!(reader.is_half(), reader.end().is_err());
    }

    #[test]
    fn what_is_written_is_read(message in prop_oneof![any_log(), any_progress()]) {
        let mut out = BytesMut::new();
        encode_frame(&message, &mut out).unwrap();
        prop_assert_eq!(decode_frame(&out[4..]), Ok(Decoded::Message(message.clone())));
        let mut line = BytesMut::new();
        encode_json(&message, &mut line).unwrap();
        let Ok(Decoded::Message(read)) = decode_json(&line) else { panic!("{line:?}") };
        prop_assert_eq!(read.kind(), message.kind());
    }
}

#[test]
fn long_text_is_cut_when_it_is_read() {
    let line = format!(r#"{{"kind":"status","text":"{}"}}"#, "ä".repeat(10_000));
    let Ok(Decoded::Message(FromChild::Status(status))) = decode_json(line.as_bytes()) else {
        panic!("not a status");
    };
    assert!(status.text.is_cut() && status.text.len() <= MAX_MESSAGE);
}

#[test]
fn a_hundred_thousand_levels_end_nothing_but_the_line() {
    for inner in [0x91, 0x81, 0x92] {
        let mut body = vec![0x92, 14];
        body.extend(std::iter::repeat_n(inner, 100_000));
        assert!(decode_frame(&body).is_err());
        assert!(Raw::from_msgpack(body).is_err());
    }
    let json = [r#"{"kind":"log","fields":"#.as_bytes(), &b"[".repeat(100_000)].concat();
    assert_eq!(decode_json(&json), Err(Violation::TooDeep));
}

#[test]
fn data_over_its_limit_is_refused_on_both_sides() {
    for (kind, max) in [("chunk", 256 * 1024), ("checkpoint", 64 * 1024)] {
        for (length, fits) in [(max, true), (max + 1, false)] {
            let data = "x".repeat(length);
            let line = format!(
                r#"{{"kind":"{kind}","handle":1,"sequence":0,"last":true,"data":"{data}"}}"#
            );
            assert_eq!(decode_json(line.as_bytes()).is_ok(), fits, "{kind} of {length}");
        }
    }
    let crashed = ErrorMessage::new(ErrorKind::Crashed, "c", "m");
    let written = encode_frame(&FromChild::Error(Box::new(crashed)), &mut BytesMut::new());
    assert!(written.is_err());
}

#[test]
fn an_absurd_retry_hint_is_clamped() {
    for (hint, read) in [("-5", 0), ("-5.0", 0), ("18446744073709551615", u64::MAX), ("3e3", 3000)]
    {
        let line = format!(
            r#"{{"kind":"error","error_kind":"transient","code":"c","message":"m","retry_after_ms":{hint}}}"#
        );
        let Ok(Decoded::Message(FromChild::Error(error))) = decode_json(line.as_bytes()) else {
            panic!("{hint} is refused");
        };
        assert_eq!(error.retry_after_ms, Some(read));
    }
}

#[test]
fn an_opaque_value_goes_through_byte_for_byte() {
    // An extension, NaN, a string that is not UTF-8, a key twice, integers and heads longer than needed.
    let fields = b"\xde\x00\x05\x01\xd4\x05\x00\x01\xcb\x7f\xf8\0\0\0\0\0\0\xa1a\xa1\xff\xa1b\xcd\x00\x01\xc4\x00\xdc\x00\x00";
    let mut body = b"\x92\x05\x83\xa5level\x02\xa7message\xa1m\xa6fields".to_vec();
    body.extend(fields);
    let Ok(Decoded::Message(FromChild::Log(log))) = decode_frame(&body) else {
        panic!("{:?}", decode_frame(&body));
    };
    assert_eq!(log.fields.as_ref().unwrap().as_msgpack(), fields);
    let mut out = BytesMut::new();
    encode_frame(&FromChild::Log(log), &mut out).unwrap();
    assert_eq!(out[4..], body);
}

#[test]
fn one_broken_line_says_nothing_about_the_next() {
    let mut ended = Session::default();
    assert!(ended.receive(Decoded::Ancillary { kind: 70 }).is_err());
    let hello = decode_json(br#"{"kind":"hello","protocol":[1,1],"sdk":"","language":"","pid":1}"#);
    assert!(matches!(Session::default().receive(hello.unwrap()), Ok(Heard::Hello { .. })));
}

#[test]
fn json_becomes_a_value_with_its_keys_in_their_order() {
    let text = r#"{"z":[1,-2,2.5,true,null],"a":"\u00e9","z":18446744073709551615}"#;
    let value = Raw::from_json(text.as_bytes()).unwrap();
    assert_eq!(value.to_exact_json().unwrap(), text.replace("\\u00e9", "\u{e9}"));
    let deepest = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let value = Raw::from_json(deepest(30).as_bytes()).unwrap();
    assert!(Raw::from_msgpack(value.into_msgpack()).is_ok());
    assert_eq!(Raw::from_json(deepest(31).as_bytes()), Err(Violation::TooDeep));
    assert!(matches!(Raw::from_json(deepest(5000).as_bytes()), Err(Violation::TooDeep)));
    for text in ["", "1 2", "{", "[1,]", "{\"a\"}", "\u{0}", "nul", "1e999"] {
        let refused = Raw::from_json(text.as_bytes());
        assert!(matches!(refused, Err(Violation::NotJson { .. })), "{text:?}: {refused:?}");
    }
}
