//! How many progress frames one core decodes: `cargo test --release -p hearken-proto --test speed -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::hint::black_box;
use std::time::Instant;

use bytes::BytesMut;
use hearken_proto::{
    Decoded, FrameReader, FromChild, Handle, MAX_FRAME, Progress, Session, decode_frame,
    decode_json, encode_frame, encode_json,
};

const FRAMES: u32 = 2_000_000;

fn measure(what: &str, mut work: impl FnMut()) {
    let start = Instant::now();
    for _ in 0..FRAMES {
        work();
    }
    let rate = f64::from(FRAMES) / start.elapsed().as_secs_f64();
    println!("{what:<40} {:>8.0} k/s", rate / 1000.0);
}

#[test]
#[ignore = "a measurement, for release builds"]
fn progress_frames_a_second() {
    let short = Progress { done: Some(3), total: Some(9), ..Progress::default() };
    let long = Progress {
        handle: Some(Handle(7)),
        unit: Some("rows".to_owned()),
        stage: Some("import".to_owned()),
        message: Some("importing customers".into()),
        ..short.clone()
    };
    for (name, progress) in [("short", short), ("long", long)] {
        let message = FromChild::Progress(progress);
        let mut frame = BytesMut::new();
        encode_frame(&message, &mut frame).unwrap();
        let mut line = BytesMut::new();
        encode_json(&message, &mut line).unwrap();

        measure(&format!("decode, {name} ({} bytes)", frame.len()), || {
            black_box(decode_frame(black_box(&frame[4..])).unwrap());
        });
        let mut session = Session::default();
        session.open(Handle(7));
        let hello = br#"{"kind":"hello","protocol":[1,1],"sdk":"s","language":"l","pid":1}"#;
        session.receive(decode_json(hello).unwrap()).unwrap();
        let mut reader = FrameReader::new(MAX_FRAME);
        measure(&format!("reader, decode, session, {name}"), || {
            reader.push(&frame);
            let body = reader.pop().unwrap().unwrap();
            black_box(session.receive(decode_frame(&body).unwrap()).unwrap());
        });
        let mut out = BytesMut::new();
        measure(&format!("encode, {name}"), || {
            out.clear();
            encode_frame(black_box(&message), &mut out).unwrap();
        });
        measure(&format!("decode JSON, {name}"), || {
            let Ok(Decoded::Message(read)) = decode_json(&line) else { panic!() };
            black_box(read);
        });
    }
}
