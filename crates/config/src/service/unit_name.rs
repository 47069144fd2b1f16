//! The NAME in `[service.NAME]`.

use crate::diagnostic::Problem;
use crate::read::{Reader, Value, quoted};
use hearken_core::identity::{NAME_MAX, UnitName};

pub(super) fn read(reader: &mut Reader<'_>, service: Value<'_>) -> Option<UnitName> {
    let read = UnitName::new(service.key).map_err(|error| {
        let message = format!("{} is no name for a service: {error}", quoted(service.key));
        let help = match repaired(service.key) {
            Some(name) => format!("for example [service.{name}]"),
            None => "for example [service.web]".into(),
        };
        Problem::new(service.key_span, message, help)
    });
    reader.keep(read)
}

/// The good name nearest to a bad one.
fn repaired(name: &str) -> Option<String> {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = name.to_lowercase().chars().map(allowed).take(NAME_MAX).collect();
    let name = name.trim_start_matches(['.', '_', '-']).trim_end_matches('-');
    UnitName::new(name).ok().map(|name| name.as_str().to_owned())
}
