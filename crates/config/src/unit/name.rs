//! The NAME in `[service.NAME]`, `[pool.NAME]` and `[group.NAME]`.

use crate::diagnostic::Problem;
use crate::read::{Reader, Value, quoted};
use hearken_core::identity::{NAME_MAX, UnitName};

/// The name that a table of services, of pools or of groups has this entry under; `what` is the key of that
/// table.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    entry: Value<'_>,
    what: &'static str,
) -> Option<UnitName> {
    let read = UnitName::new(entry.key).map_err(|error| {
        let message = format!("{} is no name for a {what}: {error}", quoted(entry.key));
        let name = repaired(entry.key).unwrap_or_else(|| "web".into());
        Problem::new(entry.key_span, message, format!("for example [{what}.{name}]"))
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

#[cfg(test)]
mod tests {
    use crate::testing::{good, refuses};

    #[test]
    fn good_names() {
        for name in ["a", "0", "web-2", "\"db.main_1\"", &"x".repeat(64)] {
            good(&format!("[service.{name}]\ncommand = [\"x\"]\n"));
        }
    }

    #[test]
    fn bad_names() {
        let long = "x".repeat(300);
        let table = [
            ("Web", "Web", "'W' is none of them", "[service.web]"),
            ("\"../x\"", "\"../x\"", "'/' is none of them", "[service.x]"),
            ("\"a\\u0000b\"", "\"a\\u0000b\"", "'\\0' is none of them", "[service.a-b]"),
            ("\"\"", "\"\"", "must not be empty", "[service.web]"),
            ("-c", "-c", "not with '-'", "[service.c]"),
            ("\"grün\"", "\"grün\"", "'ü' is none of them", "[service.gr-n]"),
            ("\"web#2\"", "\"web#2\"", "'#' is none of them", "[service.web-2]"),
            (long.as_str(), long.as_str(), "this one has 300", "[service.xxx"),
        ];
        for (name, caret, message, help) in table {
            let text = format!("[service.{name}]\ncommand = [\"x\"]\n");
            if caret.len() > 100 {
                // The line is cut to the width of a terminal.
                let found = crate::testing::problems(&text);
                assert!(found[0].message.contains(message) && found[0].message.len() < 300);
            } else {
                refuses(&text, ["1:10", caret, message, help]);
            }
        }
    }

    #[test]
    fn twice_the_same_name() {
        let text = "[service.a]\ncommand = [\"x\"]\n[service.b]\ncommand = [\"x\"]\n\
                    [service.a]\ncommand = [\"y\"]\n";
        refuses(text, ["5:10", "a", "`a` is given twice", "merge the two"]);
        let shown = crate::testing::problems(text)[0].render(false);
        assert!(
            shown.contains("1 | [service.a]") && shown.contains("- this table was given"),
            "{shown}"
        );
    }

    #[test]
    fn keys_of_no_service() {
        refuses(
            "[service]\ncommand = [\"x\"]\n",
            ["2:1", "command", "`service.command` must be a table", "[service.web]"],
        );
        refuses(
            "service = 3\n",
            ["1:1", "service", "must be a table of services", "[service.web]"],
        );
        refuses(
            "[[service]]\nname = \"x\"\n",
            ["1:3", "service", "must be a table", "[service.web]"],
        );
    }
}
