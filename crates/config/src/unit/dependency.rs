//! `on_dependency_restart`: what follows when something a unit comes after ends.

use super::after::Awaited;
use crate::diagnostic::Problem;
use crate::read::choice::{Choice, choice};
use crate::read::table::elements;
use crate::read::{Reader, Value};
use hearken_core::policy::{OnDependencyRestart, Until};

impl Choice for OnDependencyRestart {
    const NAME: &'static str = "OnDependencyRestart";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("keep", Self::Keep, "it runs on"),
        (
            "restart",
            Self::Restart,
            "it is stopped, and started again when the other has come as far again",
        ),
        ("stop", Self::Stop, "it is stopped, and stays down until an operator starts it"),
    ];
}

/// Reads it; `after` is what the unit comes after, as far as it could be read.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    value: Option<Value<'_>>,
    after: Option<Value<'_>>,
    awaited: &[Awaited<'_>],
) -> Option<OnDependencyRestart> {
    let Some(value) = value else {
        return Some(OnDependencyRestart::Keep);
    };
    let read = reader.keep(choice(value));
    match after {
        None => {
            let message = "`on_dependency_restart` has no use without `after`";
            let help = "say what it depends on: after = [\"name\"]; or remove it";
            reader.warning(Problem::new(value.key_span, message, help));
        }
        Some(after) if all_succeed(after, awaited) => {
            let message = "`on_dependency_restart` has no use: `after` names nothing that has to \
                           keep running";
            let help = "what has succeeded is not looked at again; remove it, or name more in \
                        `after`";
            let problem = Problem::new(value.key_span, message, help).label("not used");
            reader.warning(problem.also(after.span, "nothing that runs on"));
        }
        Some(_) => {}
    }
    read
}

/// Whether all that `after` names has to succeed, and all of it could be read.
fn all_succeed(after: Value<'_>, awaited: &[Awaited<'_>]) -> bool {
    elements(after).is_some_and(|all| all.len() == awaited.len())
        && awaited.iter().all(|it| it.until == Until::Succeeded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{good, refuses_service, service};

    fn text(lines: &str) -> String {
        format!("[service.web]\ncommand = [\"x\"]\n{lines}\n[service.db]\ncommand = [\"x\"]\n")
    }

    #[test]
    fn good_words() {
        assert_eq!(service("").policy.on_dependency_restart, OnDependencyRestart::Keep);
        let table = [
            ("keep", OnDependencyRestart::Keep),
            ("restart", OnDependencyRestart::Restart),
            ("stop", OnDependencyRestart::Stop),
        ];
        for (word, expected) in table {
            let lines = format!("after = [\"db\"]\non_dependency_restart = \"{word}\"");
            let loaded = good(&text(&lines));
            assert!(loaded.warnings.is_empty(), "{word}");
            assert_eq!(loaded.config.services[0].policy.on_dependency_restart, expected);
        }
    }

    #[test]
    fn bad_words() {
        let table = [
            (
                "after = []\non_dependency_restart = \"restrat\"",
                ["4:25", "\"restrat\"", "cannot be `restrat`", "did you mean \"restart\"?"],
            ),
            (
                "after = []\non_dependency_restart = true",
                ["4:25", "true", "a word in quotes", "\"keep\""],
            ),
            ("part_of = [\"db\"]", ["3:1", "part_of", "unknown", "`on_dependency_restart`"]),
        ];
        for (lines, expected) in table {
            let full = text(lines);
            let found = crate::testing::problems(&full);
            let shown = found.iter().find(|it| it.message.contains(expected[2]));
            assert!(shown.is_some_and(|it| it.help.contains(expected[3])), "{found:?}");
        }
        refuses_service(
            "on_dependencies_restart = \"stop\"",
            ["3:1", "on_dependencies_restart", "unknown", "`on_dependency_restart`?"],
        );
    }

    #[test]
    fn without_a_dependency_it_has_no_use() {
        let table = [
            ("on_dependency_restart = \"stop\"", "without `after`", ":3:1\n"),
            ("after = []\non_dependency_restart = \"stop\"", "`after` names nothing", ":4:1\n"),
            (
                "on_dependency_restart = \"stop\"\nafter = [{ name = \"db\", until = \"succeeded\" }]",
                "`after` names nothing that has to keep running",
                ":3:1\n",
            ),
        ];
        for (lines, message, place) in table {
            let warnings = good(&text(lines)).warnings;
            let shown = warnings[0].render(false);
            assert_eq!(warnings.len(), 1, "{shown}");
            assert!(shown.contains(message) && shown.contains(place), "{shown}");
        }
    }
}
