//! TOML itself: what cannot be parsed, and what stands there twice.
//!
//! A parser that meets a mistake guesses on, and one bracket that is not closed becomes an error in
//! every line after it. So a text is mended first: the section (a header and the lines below it)
//! that holds the first mistake is reported and blanked, and the rest is parsed again, until all of
//! it is TOML. What is wrong in the other sections is then found in the same run.

mod duplicate;
mod help;
mod section;

use crate::diagnostic::Problem;
use crate::read::Reader;
use crate::source::Span;
use duplicate::duplicate;
use section::{Blanked, Section};
use serde_spanned::Spanned;
use std::collections::BTreeSet;
use toml::de::{DeTable, Error};

/// A text that is TOML, at the same offsets as the one it was made from.
#[derive(Debug)]
pub(crate) struct Mended {
    text: String,
    /// Where the sections started that held mistakes.
    damaged: Vec<usize>,
    /// Whether every header is still there.
    named: bool,
}

/// How many sections are mended. Who has more mistakes than that mends those first.
const ROUNDS: usize = 20;

/// Reports every mistake of syntax in `text`, and blanks the sections that hold them.
pub(crate) fn mend(reader: &mut Reader<'_>, text: &str) -> Mended {
    let mut mended = Mended { text: text.to_owned(), damaged: Vec::new(), named: true };
    for _ in 0..ROUNDS {
        let (table, errors) = DeTable::parse_recoverable(&mended.text);
        let mut mistakes: Vec<(Span, &str)> = mistakes(&errors).collect();
        mistakes.sort_unstable();
        let Some((first, message)) = mistakes.first() else {
            return mended;
        };
        let late = help::is_noticed_late(message).then(|| table.get_ref());
        let section = Section::of(&mended.text, first.start, late);
        report(reader, &mended.text, &mistakes, section.body_end);
        mended.damaged.push(section.start);
        match section.blank(&mut mended.text) {
            Blanked::Body => {}
            Blanked::All => mended.named = false,
            Blanked::NothingLeft => break,
        }
    }
    // Whatever is still there was probably never meant to be a config.
    mended.text.clear();
    mended.named = false;
    mended
}

fn mistakes(errors: &[Error]) -> impl Iterator<Item = (Span, &str)> {
    let mistakes = errors.iter().filter(|error| error.message() != DUPLICATE);
    mistakes.map(|error| (span(error), error.message()))
}

fn span(error: &Error) -> Span {
    error.span().unwrap_or(0..0).into()
}

/// Reports the mistakes of one section, as far as they are not made by each other.
fn report(reader: &mut Reader<'_>, text: &str, mistakes: &[(Span, &str)], end: usize) {
    let mut lines = BTreeSet::new();
    let (first, more) = mistakes.split_at(mistakes.len().min(1));
    let more = more.iter().take_while(|(span, _)| span.start < end);
    for (span, message) in first.iter().chain(more) {
        let line = reader.source().line(span.start);
        if lines.insert(line) {
            let found = text.get(span.start..span.end).unwrap_or_default();
            let at = help::place(text, *span, message);
            let message = help::message(message, found);
            let help = help::help(message, found);
            reader.error(Problem::new(at, format!("invalid TOML: {message}"), help));
        }
        if help::is_noticed_late(message) {
            break;
        }
    }
}

/// A parsed text.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    pub(crate) table: Spanned<DeTable<'t>>,
    /// Whether the headers of all tables are in it.
    pub(crate) named: bool,
    damaged: &'t [usize],
}

/// Parses a mended text, and reports what stands there twice.
pub(crate) fn parse<'t>(reader: &mut Reader<'_>, mended: &'t Mended) -> Document<'t> {
    let text = &mended.text;
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut again: Vec<Span> = errors.iter().map(span).collect();
    again.sort_unstable();
    // Where a table that stands there twice ends: its keys are probably there twice, too.
    let mut told_until = 0;
    for span in again {
        if span.start < told_until || !reader.has_room() {
            continue;
        }
        let found = duplicate(text, span);
        if found.header {
            told_until = section::next_header(text, span.end).unwrap_or(text.len());
        }
        reader.error(found.problem);
    }
    Document { table, named: mended.named, damaged: &mended.damaged }
}

/// What the parser calls it.
const DUPLICATE: &str = "duplicate key";

/// The tables that held a mistake of syntax. Nothing more is said of them until it is mended.
#[derive(Debug)]
pub(crate) struct Damage(BTreeSet<usize>);

impl Document<'_> {
    /// Which of the tables that start at `starts` are damaged: a section belongs to the last one
    /// that starts in or before its header.
    pub(crate) fn damage(&self, starts: impl Iterator<Item = usize>) -> Damage {
        let starts: BTreeSet<usize> = starts.collect();
        let owner = |at: &usize| starts.range(..=*at).next_back().copied();
        Damage(self.damaged.iter().filter_map(owner).collect())
    }
}

impl Damage {
    /// Whether the table that starts at `start` held a mistake of syntax.
    pub(crate) fn hits(&self, start: usize) -> bool {
        self.0.contains(&start)
    }
}

#[cfg(test)]
mod tests {
    use super::ROUNDS;
    use crate::testing::{FILE, problems, refuses, refuses_all};

    #[test]
    fn mistakes_of_syntax() {
        let table = [
            ("restart = always", "3:11", "string values must be quoted", "\"always\""),
            ("critical = yes", "3:12", "must be quoted", "write true or false"),
            ("restart = never", "3:11", "must be quoted", "\"never\""),
            ("restart = \"always", "3:18", "invalid TOML", "the same quote"),
            (r#"directory = "C:\d""#, "3:17", "invalid TOML", "a backslash starts an escape"),
            ("restart", "3:8", "invalid TOML", "key = value"),
            ("restart =", "3:10", "invalid TOML", "key = value"),
            ("instances = 007", "3:13", "invalid TOML", "like 30 or 1_000"),
            ("stop = { signal = \"INT\"", "3:24", "invalid TOML", "closed with `}`"),
            ("after = [\"a\"", "3:13", "invalid TOML", "closed with `]`"),
            ("after = [\"a\" \"b\"]", "3:14", "invalid TOML", "commas between"),
            ("[service.db", "3:12", "unclosed table", "[service.web]"),
            ("shell = \"\"\"abc\nstop = 3", "3:9", "multi-line", "same three quotes"),
            ("= 3", "3:1", "invalid TOML", "reference.toml"),
        ];
        for (lines, place, message, help) in table {
            let text = format!("[service.web]\ncommand = [\"x\"]\n{lines}\n");
            let found = problems(&text);
            let shown = found[0].render(false);
            assert_eq!(found.len(), 1, "{lines}\n{shown}");
            assert!(shown.contains(&format!("--> {FILE}:{place}\n")), "{place}\n{shown}");
            assert!(shown.contains(message) && shown.contains(help), "{lines}\n{shown}");
            assert!(shown.contains('^'), "{shown}");
        }
    }

    #[test]
    fn every_section_has_its_say() {
        let text = "[service.a]\ncommand = [\"x\"\nxyzzy = 1\n[service.b]\nrestart = always\n\
                    xyzzy = 1\nshell = nope\n[service.c]\ncommand = [\"x\"]\nafter = [\"a\", \"dd\"]\n\
                    restrat = 1\n[service.d]\nshell = '''x\n[service.e]\ncommand = 1\n";
        refuses_all(
            text,
            &[
                ["2:15", "", "missing comma", "closed with `]`"],
                ["5:11", "always", "must be quoted", "\"always\""],
                ["7:9", "nope", "must be quoted", "\"nope\""],
                ["10:15", "\"dd\"", "no such service", "did you mean \"d\"?"],
                ["11:1", "restrat", "unknown key", "restart"],
                ["13:9", "'''", "multi-line", "three quotes"],
                ["15:11", "1", "must be an array", "command ="],
            ],
        );
    }

    #[test]
    fn keys_given_twice() {
        let table = [
            ("[service.a]\nshell = \"x\"\nshell = \"y\"\n", "3:1", "shell", "2 | shell"),
            (
                "[service.a]\nshell = \"x\"\nstop = { signal = \"INT\", signal = \"HUP\" }\n",
                "3:26",
                "signal",
                "------",
            ),
            (
                "[service.a]\nshell = \"x\"\nstop.signal = \"INT\"\nstop.signal = \"HUP\"\n",
                "4:6",
                "signal",
                "3 | stop",
            ),
            ("[service.a]\nshell = \"x\"\n\"shell\" = \"y\"\n", "3:1", "\"shell\"", "2 | shell"),
            (
                "[supervisor]\n[service.a]\nshell = \"x\"\n[supervisor]\n",
                "4:2",
                "supervisor",
                "1 | [supervisor]",
            ),
        ];
        for (text, place, caret, first) in table {
            refuses(text, [place, caret, "is given twice", ""]);
            let shown = problems(text)[0].render(false);
            assert!(shown.contains("given here first") && shown.contains(first), "{shown}");
        }
    }

    #[test]
    fn what_is_no_config_at_all_is_not_shown_for_ever() {
        let text = "[[[\n[a\n".repeat(500);
        assert!(problems(&text).len() <= 3 * ROUNDS);
        problems(&"[".repeat(10_000));
        problems(&"a = [".repeat(10_000));
        problems(&"{".repeat(10_000));
        problems(&format!("a{} = 1\n", ".a".repeat(10_000)));
    }
}
