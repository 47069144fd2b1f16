//! The parameters behind the `?` of a request, and the ids in its path.

use super::problem::Problem;
use axum::http::{StatusCode, Uri};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The parameters of a request, each once. Those that are not taken out are unknown.
#[derive(Debug)]
pub(super) struct Query<'u> {
    left: Vec<(Cow<'u, str>, Cow<'u, str>)>,
    known: Vec<&'static str>,
}

impl<'u> Query<'u> {
    /// # Errors
    /// If one stands there twice.
    pub(super) fn of(uri: &'u Uri) -> Result<Self, Problem> {
        let mut left: Vec<(Cow<'u, str>, Cow<'u, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if left.iter().any(|(there, _)| *there == name) {
                return Err(bad(&name, "it stands there twice", "write it once"));
            }
            left.push((name, value));
        }
        Ok(Self { left, known: Vec::new() })
    }

    /// Takes a parameter out. An empty one is none.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Cow<'u, str>> {
        self.known.push(name);
        let place = self.left.iter().position(|(there, _)| there == name)?;
        Some(self.left.swap_remove(place).1).filter(|value| !value.is_empty())
    }

    /// The same, read by `read`.
    ///
    /// # Errors
    /// Why it is none; `help` says how it is written.
    pub(super) fn read<T, E: fmt::Display>(
        &mut self,
        name: &'static str,
        help: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.take(name) else { return Ok(None) };
        read(&value).map(Some).map_err(|error| bad(name, error, help))
    }

    /// # Errors
    /// If there is one that nobody took.
    pub(super) fn close(self) -> Result<(), Problem> {
        let Some((name, _)) = self.left.first() else { return Ok(()) };
        let help = match &self.known[..] {
            [] => "leave it out: this request has no parameters".to_owned(),
            known => format!("this request has: {}", known.join(", ")),
        };
        let message = format!("unknown parameter {name:?}");
        Err(Problem::new(StatusCode::BAD_REQUEST, "unknown_parameter", message, help))
    }
}

fn bad(name: &str, why: impl fmt::Display, help: impl fmt::Display) -> Problem {
    let message = format!("the parameter {name:?}: {why}");
    Problem::new(StatusCode::BAD_REQUEST, "bad_parameter", message, help)
}

/// A request that takes no parameters.
///
/// # Errors
/// If there is one.
pub(super) fn none(uri: &Uri) -> Result<(), Problem> {
    Query::of(uri)?.close()
}

/// An id in the path. What is none names nothing.
///
/// # Errors
/// The refusal that `missing` makes of it.
pub(super) fn id<T: FromStr>(text: &str, missing: fn(String) -> Problem) -> Result<T, Problem> {
    text.parse().map_err(|_no_id| missing(format!("{text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(query: &str) -> Uri {
        format!("/v1/tasks?{query}").parse().unwrap()
    }

    #[test]
    fn parameters_are_decoded_and_each_stands_once() {
        let uri = uri("pool=a%20b+c&limit=7&type=");
        let mut query = Query::of(&uri).unwrap();
        assert_eq!(query.take("pool").as_deref(), Some("a b c"));
        assert_eq!(query.read("limit", "", str::parse::<u8>).unwrap(), Some(7));
        assert_eq!((query.take("type"), query.take("state")), (None, None));
        query.close().unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_parameter_is_said() {
        let twice = Query::of(&uri("a=1&a=1")).unwrap_err();
        assert_eq!(twice.code, "bad_parameter");
        let uri = uri("limit=x&stat=dead");
        let mut query = Query::of(&uri).unwrap();
        let bad = query.read("limit", "1 to 1000", str::parse::<u8>).unwrap_err();
        assert!(bad.message.contains("\"limit\"") && bad.help == "1 to 1000", "{bad:?}");
        let unknown = query.close().unwrap_err();
        assert!(
            unknown.message.contains("\"stat\"") && unknown.help.contains("limit"),
            "{unknown:?}"
        );
    }
}
