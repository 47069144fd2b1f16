//! Frame bodies that end a line, each with what is wrong with it.

use serde_json::json;

/// A body of that kind with these fields.
fn fields(kind: u8, fields: serde_json::Value) -> Vec<u8> {
    let mut body = vec![0x92, kind];
    body.extend(rmp_serde::to_vec_named(&fields).unwrap());
    body
}

fn nested(levels: usize) -> Vec<u8> {
    // The array of the frame, its fields, and so many arrays inside "x", which nobody knows.
    let mut body = vec![0x92, 14, 0x82, 0xa4];
    body.extend(b"text\xa0\xa1x");
    body.extend(std::iter::repeat_n(0x91, levels - 1));
    body.push(0x90);
    body
}

pub(crate) fn rejected() -> Vec<(&'static str, Vec<u8>)> {
    let huge = |marker: u8| {
        let mut body = vec![0x92, 14, 0x81, 0xa4];
        body.extend(b"text");
        body.extend([marker, 0xff, 0xff, 0xff, 0xff]);
        body
    };
    let nine_causes: Vec<_> = (0..9).map(|_| json!({"message": "m"})).collect();
    let mut twice = vec![0x92, 4, 0x82, 0xa4];
    twice.extend(b"done\x01\xa4done\x02");
    let mut not_utf8 = vec![0x92, 14, 0x81, 0xa4];
    not_utf8.extend(b"text\xa2\xc3\x28");
    let mut binary_text = vec![0x92, 14, 0x81, 0xa4];
    binary_text.extend(b"text\xc4\x02hi");
    let mut extension = vec![0x92, 14, 0x81, 0xa4];
    extension.extend(b"text\xd4\x05\x00");
    let mut not_a_number = vec![0x92, 64, 0x83, 0xa4];
    not_a_number.extend(b"name\xa1m\xa4type\xa1g\xa5value\xcb\x7f\xf8\0\0\0\0\0\0");
    let mut key_not_text = vec![0x92, 2, 0x81];
    key_not_text.extend([0x01, 0x01]);
    let mut reserved = vec![0x92, 2, 0x81, 0xa7];
    reserved.extend(b"credits\xc1");
    let mut trailing = fields(2, json!({}));
    trailing.push(0xc0);
    let mut rejected = vec![
        ("an empty frame", vec![]),
        ("text", b"Starting server\n".to_vec()),
        ("a map instead of the pair", vec![0x80]),
        ("an array of three", vec![0x93, 2, 0x80, 0xc0]),
        ("a body cut off after its kind", vec![0x92, 2]),
        ("a byte after the value", trailing),
        ("the byte 0xc1", reserved),
        ("33 levels", nested(31)),
        ("an array that claims 4294967295 elements", huge(0xdd)),
        ("a map that claims 4294967295 pairs", huge(0xdf)),
        ("binary that claims 4294967295 bytes", huge(0xc6)),
        ("a string that claims 4294967295 bytes", huge(0xdb)),
        ("an extension that claims 4294967295 bytes", huge(0xc9)),
        ("a kind that is a name", vec![0x92, 0xa4, b'p', b'i', b'n', b'g', 0x80]),
        ("a kind above 127", vec![0x92, 0xcc, 200, 0x80]),
        ("a negative kind", vec![0x92, 0xff, 0x80]),
        ("an unknown critical kind", vec![0x92, 0x3f, 0x80]),
        ("a kind that goes the other way", fields(38, json!({"sequence": 1}))),
        ("fields as an array", vec![0x92, 2, 0x91, 5]),
        ("fields that are nil", vec![0x92, 2, 0xc0]),
        ("a key that is no string", key_not_text),
        ("a field missing", fields(14, json!({}))),
        ("a required field that is nil", fields(14, json!({"text": null}))),
        ("a field twice", twice),
        ("a string that is not UTF-8", not_utf8),
        ("binary in the place of text", binary_text),
        ("an extension in the place of text", extension),
        ("NaN as the value of a metric", not_a_number),
        ("a number that is not whole", fields(4, json!({"done": 1.5}))),
        ("a number below zero", fields(4, json!({"done": -1}))),
        ("a number too large", fields(2, json!({"credits": 65536}))),
        ("a number as a string", fields(4, json!({"done": "3"}))),
        (
            "a boolean as a number",
            fields(6, json!({"handle": 1, "sequence": 0, "data": "", "last": 1})),
        ),
        ("level 6", fields(5, json!({"level": 6, "message": "m"}))),
        ("level by name", fields(5, json!({"level": "info", "message": "m"}))),
        (
            "log fields that are a list",
            fields(5, json!({"level": 2, "message": "m", "fields": [1]})),
        ),
        ("an unknown intent", fields(13, json!({"intent": "later"}))),
        ("an intent by number", fields(13, json!({"intent": 0}))),
        ("an unknown error kind", fields(8, json!({"kind": "odd", "code": "c", "message": "m"}))),
        (
            "nine causes",
            fields(8, json!({"kind": "bug", "code": "c", "message": "m", "causes": nine_causes})),
        ),
        (
            "a cause that is a string",
            fields(8, json!({"kind": "bug", "code": "c", "message": "m", "causes": ["m"]})),
        ),
        ("protocol range upside down", fields(1, hello(json!([2, 1])))),
        ("protocol range of three", fields(1, hello(json!([1, 1, 1])))),
    ];
    for kind in ["crashed", "oom", "lost", "protocol", "start_failed"] {
        rejected.push((
            "an error kind of the supervisor",
            fields(8, json!({"kind": kind, "code": "c", "message": "m"})),
        ));
    }
    rejected
}

fn hello(protocol: serde_json::Value) -> serde_json::Value {
    json!({"protocol": protocol, "sdk": "s", "language": "l", "pid": 1})
}
