//! How large a request to the fork server may be.

use super::program::Program;
use crate::diagnostic::Problem;
use crate::read::Value;
use crate::service::check::Check;
use std::collections::BTreeMap;
use std::path::Path;

/// The most bytes that command, environment and directory of one service may have together, with
/// the NUL after each. A request to the fork server holds 128 KiB; the rest is for what hearken adds
/// to the environment, PATH above all.
const SIZE_MAX: usize = 120 * 1024;

pub(crate) fn check(
    service: Value<'_>,
    program: &Program,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<(), Problem> {
    let words = match program {
        Program::Command(words) => total(words),
        Program::Shell(text) => "/bin/sh\0-c\0".len() + text.len() + 1,
    };
    fits(service, "command", words, directory, environment)
}

/// A probe that is a program is started like the service itself.
pub(crate) fn check_probe(
    service: Value<'_>,
    probe: &Check,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<(), Problem> {
    match probe {
        Check::Exec(words) => fits(service, "probe", total(words), directory, environment),
        Check::Tcp(_) | Check::Http(_) => Ok(()),
    }
}

fn total(words: &[String]) -> usize {
    words.iter().map(|word| word.len() + 1).sum()
}

fn fits(
    service: Value<'_>,
    what: &str,
    words: usize,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<(), Problem> {
    let pairs: usize = environment.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    let size = words + pairs + directory.as_os_str().len() + 1;
    if size <= SIZE_MAX {
        return Ok(());
    }
    let message = format!(
        "{what}, environment and directory of {} have {size} bytes together; {SIZE_MAX} is \
         the most",
        service.name()
    );
    Err(Problem::new(service.key_span, message, "hand large values over in a file"))
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
