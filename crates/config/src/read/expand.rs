//! `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, and `$${` for a `${` that stays.
//!
//! A variable that is unset or empty never becomes an empty string by itself: it needs a default,
//! and `${VAR:-}` is how to say that nothing is fine. What a variable holds is not expanded again.

use super::quoted;
use super::text::For;
use super::variables::{Lookup, Variables};
use std::ops::Range;

/// A reference that has no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Its place in the parsed text.
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// The text with its references replaced, and every reference that could not be.
pub(crate) fn expand(text: &str, variables: &Variables, to: For) -> (String, Vec<Fault>) {
    let mut expanded = String::with_capacity(text.len());
    let mut faults = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        expanded.push_str(&text[at..start]);
        if expanded.ends_with('$') && text[..start].ends_with('$') {
            // `$${` is `${`: the first of the two dollars is already there.
            expanded.push('{');
            at = start + 2;
            continue;
        }
        let inner = start + 2;
        let Some(length) = text[inner..].find('}') else {
            faults.push(Fault {
                at: start..text.len(),
                message: "`${` is never closed".into(),
                help: "close it with `}`, or write `$${` for a `${` that stays as it is".into(),
            });
            return (expanded, faults);
        };
        at = inner + length + 1;
        match resolve(&text[inner..inner + length], variables, to) {
            Ok(value) => expanded.push_str(value),
            Err((message, help)) => faults.push(Fault { at: start..at, message, help }),
        }
    }
    expanded.push_str(&text[at..]);
    (expanded, faults)
}

/// What stands between the braces, or message and help.
fn resolve<'a>(
    reference: &'a str,
    variables: &'a Variables,
    to: For,
) -> Result<&'a str, (String, String)> {
    let name_end = reference.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (name, rest) = reference.split_at(name_end.unwrap_or(reference.len()));
    let good_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let stays = match to {
        For::Program => "",
        For::Shell => "; to leave it to the shell, write `$${…}`",
    };
    let unknown = || {
        let message =
            format!("{} is no reference to a variable", quoted(&format!("${{{reference}}}")));
        (message, format!("write ${{VAR}}, ${{VAR:-default}} or ${{VAR:?message}}{stays}"))
    };
    if !good_name || reference.contains("${") {
        return Err(unknown());
    }
    let unset = match variables.get(name) {
        Lookup::Set(value) => {
            let fine = rest.is_empty() || rest.starts_with(":-") || rest.starts_with(":?");
            return if fine { Ok(value) } else { Err(unknown()) };
        }
        Lookup::NotUnicode => {
            let message = format!("the environment variable {name} is not valid UTF-8");
            return Err((message, format!("set {name} to a text before you start hearken")));
        }
        Lookup::Unset => "is not set",
        Lookup::Empty => "is empty",
    };
    let message = format!("the environment variable {name} {unset}");
    if let Some(default) = rest.strip_prefix(":-") {
        return Ok(default);
    }
    if let Some(why) = rest.strip_prefix(":?") {
        let why = if why.is_empty() {
            format!("set {name} before you start hearken")
        } else {
            why.into()
        };
        return Err((message, why));
    }
    if !rest.is_empty() {
        return Err(unknown());
    }
    let help = if name.starts_with("HEARKEN_") {
        "hearken sets it in each process it starts, not in its own environment: \
         read it there, as `$VAR` without braces in a shell"
            .replace("$VAR", &format!("${name}"))
    } else {
        match (to, variables.nearest(name)) {
            (For::Shell, _) => format!(
                "set it before you start hearken, give a default: ${{{name}:-…}}, or write \
                 $${{{name}}} to leave it to the shell"
            ),
            (For::Program, Some(near)) => format!("did you mean ${{{near}}}?"),
            (For::Program, None) => {
                format!("set it before you start hearken, or give a default: ${{{name}:-…}}")
            }
        }
    };
    Err((message, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        [("HOST", "db1"), ("NONE", ""), ("NESTED", "${HOST}")].into_iter().collect()
    }

    #[test]
    fn good_references() {
        let table = [
            ("", ""),
            ("plain $HOST $", "plain $HOST $"),
            ("${HOST}", "db1"),
            ("a${HOST}b${HOST}c", "adb1bdb1c"),
            ("${HOST:-x}", "db1"),
            ("${HOST:?must be there}", "db1"),
            ("${PORT:-5432}", "5432"),
            ("${PORT:-}", ""),
            ("${NONE:-x}", "x"),
            ("${PORT:-a:-b}", "a:-b"),
            ("$${HOST}", "${HOST}"),
            ("$${HOST}${HOST}", "${HOST}db1"),
            ("${NESTED}", "${HOST}"),
            ("${NESTED}{x}", "${HOST}{x}"),
            ("ü${HOST}ü", "üdb1ü"),
        ];
        for (text, expected) in table {
            let (expanded, faults) = expand(text, &variables(), For::Program);
            assert_eq!((expanded.as_str(), faults), (expected, vec![]), "{text}");
        }
    }

    #[test]
    fn bad_references_say_where_and_what() {
        let table = [
            ("x ${PORT} y", 2..9, "PORT is not set", "${PORT:-…}"),
            ("${NONE}", 0..7, "NONE is empty", "${NONE:-…}"),
            ("${HOTS}", 0..7, "HOTS is not set", "did you mean ${HOST}?"),
            ("${PORT:?ask ops}", 0..16, "PORT is not set", "ask ops"),
            ("${PORT:?}", 0..9, "PORT is not set", "set PORT"),
            ("${HOST", 0..6, "never closed", "$${"),
            ("${}", 0..3, "no reference", "${VAR}"),
            ("${1X}", 0..5, "no reference", "${VAR}"),
            ("${HOST%x}", 0..9, "no reference", "${VAR}"),
            ("${A:-${HOST}}", 0..12, "no reference", "${VAR}"),
            ("${HEARKEN_FD}", 0..13, "HEARKEN_FD is not set", "`$HEARKEN_FD`"),
        ];
        for (text, at, message, help) in table {
            let (_, faults) = expand(text, &variables(), For::Program);
            let fault = faults.first().unwrap();
            assert_eq!(fault.at, at, "{text}");
            assert!(fault.message.contains(message), "{text}: {}", fault.message);
            assert!(fault.help.contains(help), "{text}: {}", fault.help);
        }
        let (_, faults) = expand("${A} ${B}", &variables(), For::Shell);
        assert_eq!(faults.len(), 2, "all at once");
        assert!(faults[0].help.contains("$${A}"));
    }
}
