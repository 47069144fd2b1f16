//! The story for people.

use super::endings;
use super::rows::{Follows, Row, Tone, rows, told};
use super::scenario::Scenario;
use super::span::clock;
use super::world::{Cut, Entry};
use hearken_core::supervision::Supervision;
use std::fmt::Write as _;

/// Renders the whole: a title, the table, how it ends.
pub(super) fn render(
    title: &str,
    core: &Supervision,
    scenario: &Scenario,
    story: &[Entry],
    cut: Cut,
    colour: bool,
) -> String {
    let entries = told(story, scenario);
    let rows = rows(core, &entries);
    let paint = Paint(colour);
    let width = |width: fn(&Row) -> usize| rows.iter().map(width).max().unwrap_or(0);
    let when = width(|row| clock(row.at.since_start()).chars().count()).max("when".len());
    let who = width(|row| row.who.chars().count()).max("who".len());
    let what = width(|row| row.follows.as_ref().map_or(0, |it| it.what.chars().count()));
    let counted = width(|row| row.follows.as_ref().map_or(0, |it| it.counted.chars().count()));

    let mut out = format!("{title}\n\n");
    let head = format!(
        "{:>when$}  {:<who$}  what happens → what follows, counted, by whom",
        "when", "who"
    );
    let _infallible = writeln!(out, "{}", paint.with(Tone::Dim, &head));
    let mut last = None;
    for row in &rows {
        // Many things at one moment: the eye finds the next moment.
        let moment = if last == Some(row.at) { String::new() } else { clock(row.at.since_start()) };
        last = Some(row.at);
        let text = paint.with(row.tone, &row.text);
        let _infallible = writeln!(out, "{moment:>when$}  {:<who$}  {text}", row.who);
        if let Some(Follows { what: next, counted: n, by, note, tone }) = &row.follows {
            let next = paint.with(*tone, &format!("{next:<what$}"));
            let line = format!("{:indent$}→ {next}  {n:<counted$}  {by}", "", indent = when + 2);
            let _infallible = writeln!(out, "{}", line.trim_end());
            if let Some(note) = note {
                let _infallible = writeln!(out, "{:indent$}  {note}", "", indent = when + 2);
            }
        }
    }
    out.push('\n');
    for (tone, sentence) in endings::sentences(core, scenario, story, cut) {
        let _infallible = writeln!(out, "{}", paint.with(tone, &sentence));
    }
    out
}

struct Paint(bool);

impl Paint {
    fn with(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.0 => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
