//! `http` and `status`: a page that has to answer with the right status.

use super::address::{Address, AddressError};
use crate::diagnostic::Problem;
use crate::read::text::{For, expanded};
use crate::read::{Reader, Value, quoted};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// A GET that has to be answered. Redirects are not followed: they are an answer like any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheck {
    /// Where to connect to; its form as a text is the `Host` of the request.
    pub address: Address,
    /// What to ask for: starts with '/', holds the query, and is made of visible ASCII characters.
    pub path: String,
    /// The status codes that are fine.
    pub status: RangeInclusive<u16>,
}

/// The status codes that are fine, unless the config says otherwise.
const STATUS: RangeInclusive<u16> = 200..=299;

/// The port of a URL without one.
const PORT: u16 = 80;

/// The longest path, in bytes.
const PATH_MAX: usize = 2048;

/// Why a text is no URL that can be probed. It never repeats the text, which may hold what a
/// variable stood for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum UrlError {
    #[error("it does not start with http://")]
    Scheme,
    #[error("hearken speaks no TLS")]
    Https,
    #[error("a user name and a password cannot stand in it")]
    User,
    #[error("{0}")]
    Address(AddressError),
    #[error("a '#' is for browsers, no server sees it")]
    Fragment,
    #[error("its path holds a character that cannot stand in a URL")]
    Character,
    #[error("its path is longer than {PATH_MAX} bytes")]
    TooLong,
}

fn parse(text: &str) -> Result<(Address, String), UrlError> {
    let scheme = |scheme: &str| {
        let head = text.get(..scheme.len()).filter(|head| head.eq_ignore_ascii_case(scheme));
        head.map(|head| &text[head.len()..])
    };
    if scheme("https://").is_some() {
        return Err(UrlError::Https);
    }
    let rest = scheme("http://").ok_or(UrlError::Scheme)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(UrlError::User);
    }
    let address = Address::parse(authority, Some(PORT)).map_err(UrlError::Address)?;
    if path.contains('#') {
        return Err(UrlError::Fragment);
    }
    if path.len() > PATH_MAX {
        return Err(UrlError::TooLong);
    }
    // Whatever else stood there could end the line of the request and begin another.
    if !path.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(UrlError::Character);
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok((address, format!("{slash}{path}")))
}

/// Reads the URL under `http`, with the status codes under `status`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    url: Value<'_>,
    status: Option<Value<'_>>,
) -> Option<HttpCheck> {
    let status = match status {
        Some(value) => reader.keep(self::status(value)),
        None => Some(STATUS),
    };
    let text = expanded(reader, url, For::Program)?;
    let (address, path) = reader.keep(parse(&text).map_err(|error| bad(url, error)))?;
    Some(HttpCheck { address, path, status: status? })
}

fn bad(value: Value<'_>, error: UrlError) -> Problem {
    let help = match error {
        UrlError::Https | UrlError::User => {
            "let a program ask: exec = [\"curl\", \"--fail\", \"--silent\", \"https://…\"]"
        }
        UrlError::Fragment => "remove it and what follows",
        UrlError::Character => "write it percent-encoded: %20 for a space",
        UrlError::TooLong => "probe a shorter one",
        UrlError::Address(AddressError::NoBrackets | AddressError::Ipv6) => {
            "write http = \"http://[::1]:8080/health\""
        }
        UrlError::Scheme | UrlError::Address(_) => "write http = \"http://127.0.0.1:8080/health\"",
    };
    Problem::new(value.span, format!("`http` is no URL to probe: {error}"), help)
}

/// `200`, `"204"` or `"200-399"`.
fn status(value: Value<'_>) -> Result<RangeInclusive<u16>, Problem> {
    let help = "write status = 200, or status = \"200-299\"";
    let text = match value.toml {
        DeValue::Integer(number) => number.to_string(),
        DeValue::String(text) => text.to_string(),
        DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            return Err(value.wrong_type("a status code or a range of them", help));
        }
    };
    let code = |text: &str| {
        let three = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|code| three && (100..=599).contains(code))
    };
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    match (code(first), code(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        (Some(_), Some(_)) => {
            let message =
                format!("{} holds no status code: it ends before it starts", value.name());
            Err(Problem::new(value.span, message, format!("write status = \"{last}-{first}\"")))
        }
        (Some(_) | None, None) | (None, Some(_)) => {
            let message = format!(
                "{} is no status code from 100 to 599, and no range of them, for {}",
                quoted(&text),
                value.name()
            );
            Err(Problem::new(value.span, message, help))
        }
    }
}

/// The shape of `status` in the schema.
pub(crate) struct StatusShape;

impl JsonSchema for StatusShape {
    fn schema_name() -> Cow<'static, str> {
        "Status".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "type": "integer", "minimum": 100, "maximum": 599 },
            { "type": "string", "pattern": "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$" },
        ]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls() {
        let table = [
            ("http://127.0.0.1:8080/health", "127.0.0.1:8080", "/health"),
            ("HTTP://localhost", "localhost:80", "/"),
            ("http://[::1]?full=1", "[::1]:80", "/?full=1"),
            ("http://a.b:1/x/%20y?z=a@b", "a.b:1", "/x/%20y?z=a@b"),
        ];
        for (text, address, path) in table {
            let (read_address, read_path) = parse(text).unwrap();
            assert_eq!((read_address.to_string().as_str(), read_path.as_str()), (address, path));
        }
    }

    #[test]
    fn bad_urls() {
        let long = format!("http://a/{}", "x".repeat(PATH_MAX));
        let table = [
            ("", UrlError::Scheme),
            ("127.0.0.1:8080/health", UrlError::Scheme),
            ("ftp://x/", UrlError::Scheme),
            ("https://x/", UrlError::Https),
            ("http://", UrlError::Address(AddressError::NoHost)),
            ("http:///health", UrlError::Address(AddressError::NoHost)),
            ("http://x:0/", UrlError::Address(AddressError::Port)),
            ("http://::1/", UrlError::Address(AddressError::NoBrackets)),
            ("http://me:secret@x/", UrlError::User),
            ("http://x/#top", UrlError::Fragment),
            ("http://x/a b", UrlError::Character),
            ("http://x/ HTTP/1.1\r\nX: y", UrlError::Character),
            ("http://x/grün", UrlError::Character),
            (long.as_str(), UrlError::TooLong),
        ];
        for (text, error) in table {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
