//! What the tables of good and bad TOML share.

use crate::{
    Config, ConfigErrors, Diagnostic, LoadOptions, Loaded, Pool, Service, Severity, Variables,
};

/// The file that tests read, which does not exist.
pub(crate) const FILE: &str = "/etc/hearken/hearken.toml";

pub(crate) fn options() -> LoadOptions {
    let variables: Variables = [("HOST", "db1"), ("EMPTY", "")].into_iter().collect();
    LoadOptions { variables, ..LoadOptions::default() }
}

pub(crate) fn parse(text: &str) -> Result<Loaded, ConfigErrors> {
    Config::parse(FILE, text, &options())
}

/// A config without a problem.
#[track_caller]
pub(crate) fn good(text: &str) -> Loaded {
    parse(text).unwrap_or_else(|errors| panic!("{text}\n{}", errors.render(false)))
}

/// The lines of a service, from line 3 on.
fn with(lines: &str) -> String {
    format!("[service.web]\ncommand = [\"x\"]\n{lines}\n")
}

/// A service with these lines, without a problem or a warning.
#[track_caller]
pub(crate) fn service(lines: &str) -> Service {
    let loaded = good(&with(lines));
    assert!(loaded.warnings.is_empty(), "{lines}\n{}", loaded.warnings[0].render(false));
    loaded.config.services.into_iter().next().unwrap()
}

/// The lines of a pool, from line 3 on.
pub(crate) fn with_pool(lines: &str) -> String {
    format!("[pool.jobs]\ncommand = [\"x\"]\n{lines}\n")
}

/// A pool with these lines, without a problem or a warning.
#[track_caller]
pub(crate) fn pool(lines: &str) -> Pool {
    let loaded = good(&with_pool(lines));
    assert!(loaded.warnings.is_empty(), "{lines}\n{}", loaded.warnings[0].render(false));
    loaded.config.pools.into_iter().next().unwrap()
}

/// The problems of a bad config, in order.
#[track_caller]
pub(crate) fn problems(text: &str) -> Vec<Diagnostic> {
    match parse(text) {
        Ok(_) => panic!("no problem was found in\n{text}"),
        Err(errors) => {
            assert!(errors.error_count() > 0);
            errors.diagnostics().to_vec()
        }
    }
}

/// What a problem must show: its place, the text over its carets, and a part each of message and
/// help.
pub(crate) type Shown<'t> = [&'t str; 4];

/// A config is refused with exactly these problems, each rendered with all that belongs to it.
#[track_caller]
pub(crate) fn refuses_all(text: &str, expected: &[Shown<'_>]) {
    shows_all(text, &problems(text), expected);
}

/// A config is taken with exactly these warnings.
#[track_caller]
pub(crate) fn warns_all(text: &str, expected: &[Shown<'_>]) {
    let warnings = good(text).warnings;
    assert!(warnings.iter().all(|found| found.severity == Severity::Warning));
    shows_all(text, &warnings, expected);
}

#[track_caller]
fn shows_all(text: &str, found: &[Diagnostic], expected: &[Shown<'_>]) {
    let rendered: Vec<String> = found.iter().map(|d| d.render(false)).collect();
    assert_eq!(found.len(), expected.len(), "{text}\n{}", rendered.join("\n\n"));
    for (rendered, [place, caret, message, help]) in rendered.iter().zip(expected) {
        let (head, tail) = rendered.split_once("= help: ").unwrap_or((rendered, ""));
        assert!(head.contains(&format!("--> {FILE}:{place}\n")), "{place}\n{rendered}");
        assert_eq!(under_carets(head), *caret, "{rendered}");
        assert!(head.lines().next().unwrap().contains(message), "{message:?}\n{rendered}");
        assert!(tail.contains(help), "{help:?}\n{rendered}");
    }
}

#[track_caller]
pub(crate) fn refuses(text: &str, expected: Shown<'_>) {
    refuses_all(text, &[expected]);
}

/// A service with these lines (from line 3 on) is refused.
#[track_caller]
pub(crate) fn refuses_service(lines: &str, expected: Shown<'_>) {
    refuses(&with(lines), expected);
}

/// A pool with these lines (from line 3 on) is refused.
#[track_caller]
pub(crate) fn refuses_pool(lines: &str, expected: Shown<'_>) {
    refuses(&with_pool(lines), expected);
}

/// The part of the source line that the carets of a rendered problem stand under.
fn under_carets(rendered: &str) -> String {
    let lines: Vec<&str> = rendered.lines().collect();
    let marked = lines.iter().position(|line| line.contains('^')).expect("a line with carets");
    let carets = lines[marked];
    let source = lines[..marked].iter().rev().find(|line| line.contains(" | ")).unwrap();
    let from = carets.chars().position(|c| c == '^').unwrap();
    let count = carets.chars().skip(from).take_while(|c| *c == '^').count();
    source.chars().skip(from).take(count).collect()
}
