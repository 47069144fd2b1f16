//! How large a request to the fork server may be.

use super::program::Program;
use crate::diagnostic::Problem;
use crate::read::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The most bytes that command, environment and directory of one unit may have together, with the
/// NUL after each. A request to the fork server holds 128 KiB; the rest is for what hearken adds to
/// the environment, PATH above all.
pub(crate) const SIZE_MAX: usize = 120 * 1024;

/// How many bytes they have.
pub(crate) fn of(
    program: &Program,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> usize {
    let words = match program {
        Program::Command(words) => total(words),
        Program::Shell(text) => "/bin/sh\0-c\0".len() + text.len() + 1,
    };
    words + rest(directory, environment)
}

/// How many bytes they have where a probe stands in the place of the command.
pub(crate) fn of_probe(
    words: &[String],
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> usize {
    total(words) + rest(directory, environment)
}

fn total(words: &[String]) -> usize {
    words.iter().map(|word| word.len() + 1).sum()
}

fn rest(directory: &Path, environment: &BTreeMap<String, String>) -> usize {
    let pairs: usize = environment.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    pairs + directory.as_os_str().len() + 1
}

/// That `size` is not too much; `what` is what runs.
pub(crate) fn fits(unit: Value<'_>, what: &str, size: usize) -> Result<(), Problem> {
    if size <= SIZE_MAX {
        return Ok(());
    }
    let message = format!(
        "{what}, environment and directory of {} have {size} bytes together; {SIZE_MAX} is \
         the most",
        unit.name()
    );
    Err(Problem::new(unit.key_span, message, "hand large values over in a file"))
}

#[cfg(test)]
mod tests {
    use super::SIZE_MAX;
    use crate::testing::{problems, service};

    #[test]
    fn a_request_has_a_size() {
        // Beside the value: "x", "A", "/etc/hearken", and the four ends.
        let fits = SIZE_MAX - 2 - 3 - 13;
        let lines = |size: usize| format!("environment.A = \"{}\"", "v".repeat(size));
        assert_eq!(service(&lines(fits)).environment["A"].len(), fits);
        let text = format!("[service.web]\ncommand = [\"x\"]\n{}\n", lines(fits + 1));
        let shown = problems(&text)[0].render(false);
        assert!(
            shown.contains("of `web` have 122881 bytes together; 122880 is the most"),
            "{shown}"
        );
        assert!(shown.contains(":1:10\n") && shown.contains("^^^"), "{shown}");
        assert!(shown.contains("= help: hand large values over in a file"), "{shown}");
    }
}
