//! What a result is, told by its media type, and how it stands in JSON.

use super::shown::json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use hearken_proto::Raw;
use hearken_store::{StoreError, StoredResult};
use serde_json::value::RawValue;

/// The media type of a MessagePack value.
pub(super) const MESSAGEPACK: &str = "application/msgpack";
/// The longest value that is turned into JSON, in bytes.
pub(super) const VALUE_MAX: u64 = 16 * 1024 * 1024;

/// What the bytes of a result are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One MessagePack value.
    Value,
    /// One JSON value.
    Json,
    /// Text.
    Text,
    /// Anything else.
    Bytes,
}

/// What the bytes of a result with this media type are; one without is a value.
pub(super) fn form(content_type: Option<&str>) -> Form {
    let Some(content_type) = content_type else { return Form::Value };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        MESSAGEPACK => Form::Value,
        "application/json" => Form::Json,
        essence if essence.ends_with("+json") => Form::Json,
        essence if essence.starts_with("text/") => Form::Text,
        _ => Form::Bytes,
    }
}

/// A value in the only ways JSON has for it.
#[derive(Debug)]
pub(super) enum Held {
    /// As it is.
    Json(Box<RawValue>),
    /// Bytes, in base64.
    Bytes(String),
    /// A value that JSON cannot say: its MessagePack, in base64.
    Value(String),
}

/// Puts a value into JSON.
pub(super) fn held(value: Raw) -> Held {
    let exact = value.to_exact_json().ok().and_then(|text| RawValue::from_string(text).ok());
    match (exact, value.content()) {
        (Some(exact), _) => Held::Json(exact),
        (None, Some(bytes)) => Held::Bytes(STANDARD.encode(bytes)),
        (None, None) => Held::Value(STANDARD.encode(value.as_msgpack())),
    }
}

/// Reads a whole result into memory. Blocks: it may read a file.
///
/// # Errors
/// If it is not what was once written.
pub(super) fn whole(result: StoredResult) -> Result<Bytes, StoreError> {
    let mut pieces = result.pieces;
    let Some(first) = pieces.next().transpose()? else { return Ok(Bytes::new()) };
    let mut whole = BytesMut::new();
    for piece in pieces {
        if whole.is_empty() {
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&piece?);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// Puts a whole result into JSON.
pub(super) fn in_json(content_type: Option<&str>, bytes: &Bytes) -> Held {
    let found = match form(content_type) {
        Form::Value => Raw::from_msgpack(bytes.clone()).ok().map(held),
        Form::Json => std::str::from_utf8(bytes).ok().and_then(one_line).map(Held::Json),
        Form::Text => std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| json(&serde_json::Value::from(text).to_string()))
            .map(Held::Json),
        Form::Bytes => None,
    };
    found.unwrap_or_else(|| Held::Bytes(STANDARD.encode(bytes)))
}

/// The same JSON without line feeds between its values: a row is a line.
fn one_line(text: &str) -> Option<Box<RawValue>> {
    let value: Box<RawValue> = serde_json::from_str(text).ok()?;
    if !value.get().contains('\n') {
        return Some(value);
    }
    // Inside strings JSON has no line feeds, so all of them stand between values.
    json(&value.get().replace(['\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content_type: Option<&str>, bytes: &'static [u8]) -> String {
        match in_json(content_type, &Bytes::from_static(bytes)) {
            Held::Json(value) => value.get().to_owned(),
            Held::Bytes(base64) => format!("bytes {base64}"),
            Held::Value(base64) => format!("value {base64}"),
        }
    }

    #[test]
    fn a_result_stands_in_json_as_what_it_is() {
        assert_eq!(shown(None, b"\x82\xa1z\x01\xa1a\xc0"), r#"{"z":1,"a":null}"#);
        assert_eq!(shown(Some("application/msgpack"), b"\xa2hi"), r#""hi""#);
        assert_eq!(shown(Some("application/json; x=y"), b"{\n \"a\": 1\r\n}\n"), r#"{  "a": 1  }"#);
        assert_eq!(shown(Some("application/problem+json"), b"[1]"), "[1]");
        assert_eq!(shown(Some("Text/Plain"), b"a\n\"b\""), r#""a\n\"b\"""#);
        assert_eq!(shown(Some("image/png"), b"\x89PNG"), "bytes iVBORw==");
    }

    #[test]
    fn what_json_cannot_say_is_told_apart() {
        assert_eq!(shown(None, b"\xc4\x02\xff\xfe"), "bytes //4=");
        assert_eq!(shown(None, b"\xcb\x7f\xf8\0\0\0\0\0\0"), "value y3/4AAAAAAAA");
        assert_eq!(shown(None, b"\xc1"), "bytes wQ==", "damaged, and still shown");
        assert_eq!(shown(Some("text/plain"), b"\xff"), "bytes /w==");
        assert_eq!(shown(Some("application/json"), b"{"), "bytes ew==");
    }
}
