//! What came of the checks, for people and for programs.

use super::fault::Fault;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::time::Duration;

/// A section of `protocol.md`, the law of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The descriptor, and programs without one.
    Line,
    /// Length, nesting, what readers are lenient with.
    Frame,
    /// Which version is spoken, and which kinds may be unknown.
    Versions,
    /// The messages of a child.
    FromChild,
    /// The messages of the supervisor.
    ToChild,
    /// The order of things, and what ends a line.
    Life,
}

impl Section {
    /// Its heading.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Section::Line => "The line",
            Section::Frame => "Frame",
            Section::Versions => "Versions",
            Section::FromChild => "Child → supervisor",
            Section::ToChild => "Supervisor → child",
            Section::Life => "Life",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The worker does it right.
    Passed,
    /// It does not.
    Failed(Fault),
    /// Nothing can be said.
    NotApplicable {
        /// Why, for people.
        reason: String,
    },
}

impl Outcome {
    /// The name, as it stands in the table and in the JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed(_) => "failed",
            Outcome::NotApplicable { .. } => "not_applicable",
        }
    }
}

/// One check and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of the check; it stays.
    pub name: &'static str,
    /// What was tried, for people.
    pub tried: &'static str,
    /// What it rests on.
    pub section: Section,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, the start of the worker included.
    pub took: Duration,
}

impl Row {
    /// The row as lines of text, line feed included.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{:<20} ", self.name);
        // What is said of a worker comes from its own mouth: nothing of it may move the cursor.
        let _infallible = match &self.outcome {
            Outcome::Passed => writeln!(text, "passed          {}", self.tried),
            Outcome::NotApplicable { reason } => writeln!(text, "not applicable  {reason}"),
            Outcome::Failed(fault) => writeln!(
                text,
                "FAILED          {}\n    expected  {}\n    came      {}\n    rests on  protocol.md, {}",
                self.tried,
                printable(&fault.expected),
                printable(&fault.came),
                self.section.heading(),
            ),
        };
        if let Outcome::Failed(fault) = &self.outcome {
            for line in fault.output.lines() {
                let _infallible = writeln!(text, "    output    {}", printable(line));
            }
        }
        text
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name)?;
        map.serialize_entry("tried", self.tried)?;
        map.serialize_entry("section", self.section.heading())?;
        map.serialize_entry("outcome", self.outcome.name())?;
        match &self.outcome {
            Outcome::Passed => {}
            Outcome::Failed(fault) => {
                map.serialize_entry("expected", &fault.expected)?;
                map.serialize_entry("came", &fault.came)?;
                if !fault.output.is_empty() {
                    map.serialize_entry("output", &fault.output)?;
                }
            }
            Outcome::NotApplicable { reason } => map.serialize_entry("reason", reason)?,
        }
        map.serialize_entry("took_ms", &u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX))?;
        map.end()
    }
}

/// All rows, in the order they were tried in.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The worker's command, as text.
    pub command: Vec<String>,
    /// How many checks passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many could say nothing.
    pub not_applicable: usize,
    /// The checks.
    pub checks: Vec<Row>,
}

impl Report {
    pub(super) fn of(command: &[OsString]) -> Report {
        let command = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Report { command, passed: 0, failed: 0, not_applicable: 0, checks: Vec::new() }
    }

    pub(super) fn push(&mut self, row: Row) {
        match row.outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::NotApplicable { .. } => self.not_applicable += 1,
        }
        self.checks.push(row);
    }

    /// Whether the check of this name was asked for and did not pass.
    pub(super) fn has_not_passed(&self, name: &str) -> bool {
        self.checks.iter().any(|row| row.name == name && row.outcome != Outcome::Passed)
    }

    /// The last line of the table.
    #[must_use]
    pub fn summary(&self) -> String {
        let many = self.checks.len();
        format!(
            "{many} check{}: {} passed, {} failed, {} not applicable\n",
            if many == 1 { "" } else { "s" },
            self.passed,
            self.failed,
            self.not_applicable,
        )
    }

    /// Everything as one JSON object on one line, line feed included.
    #[must_use]
    pub fn json(&self) -> String {
        let json = serde_json::to_string(self).expect("text and numbers only");
        json + "\n"
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(outcome: Outcome) -> Row {
        let took = Duration::from_millis(7);
        Row { name: "ping", tried: "a ping", section: Section::ToChild, outcome, took }
    }

    fn fault() -> Fault {
        Fault {
            expected: "a heartbeat".to_owned(),
            came: "\u{1b}[2Jnothing".to_owned(),
            output: "one\ntwo\u{7}\n".to_owned(),
        }
    }

    #[test]
    fn a_failed_row_says_what_was_tried_expected_came_and_why_it_matters() {
        assert_eq!(
            row(Outcome::Failed(fault())).text(),
            "ping                 FAILED          a ping\n    \
             expected  a heartbeat\n    \
             came      \u{fffd}[2Jnothing\n    \
             rests on  protocol.md, Supervisor → child\n    \
             output    one\n    \
             output    two\u{fffd}\n"
        );
    }

    #[test]
    fn the_json_holds_every_row_and_the_sums() {
        let mut report = Report::of(&["php".into(), "worker.php".into()]);
        report.push(row(Outcome::Passed));
        report.push(row(Outcome::Failed(fault())));
        report.push(row(Outcome::NotApplicable { reason: "--slow is not given".to_owned() }));
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["command"], serde_json::json!(["php", "worker.php"]));
        assert_eq!((&json["passed"], &json["failed"]), (&1.into(), &1.into()));
        assert_eq!(json["checks"][0]["outcome"], "passed");
        assert_eq!(json["checks"][1]["came"], "\u{1b}[2Jnothing");
        assert_eq!(json["checks"][1]["section"], "Supervisor → child");
        assert_eq!(json["checks"][2]["reason"], "--slow is not given");
        assert_eq!(report.summary(), "3 checks: 1 passed, 1 failed, 1 not applicable\n");
    }

    #[test]
    fn what_failed_or_said_nothing_has_not_passed_and_what_never_ran_is_not_held_against_anyone() {
        let mut report = Report::of(&[]);
        assert!(!report.has_not_passed("ping"));
        report.push(row(Outcome::Failed(fault())));
        assert!(report.has_not_passed("ping"));
    }
}
