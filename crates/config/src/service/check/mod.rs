//! `tcp`, `http` and `exec`: what is probed. `ready` and `health` share it.

pub(crate) mod address;
pub(crate) mod http;
pub(crate) mod probing;

use crate::diagnostic::Problem;
use crate::read::table::{Table, list};
use crate::read::{Reader, Value};
use crate::unit::program;
use address::Address;
use hearken_core::policy::Probing;
use http::HttpCheck;
use probing::{Defaults, Given};

/// What a probe does to find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// Opens a connection and closes it.
    Tcp(Address),
    /// Asks for a page.
    Http(HttpCheck),
    /// Runs a program, never empty, as the service is run: it has to exit with 0. No shell sees it.
    Exec(Vec<String>),
}

impl Check {
    /// The program it runs, if it runs one.
    pub(crate) fn program(&self) -> Option<&[String]> {
        match self {
            Self::Exec(words) => Some(words),
            Self::Tcp(_) | Self::Http(_) => None,
        }
    }
}

/// The keys that name what is probed.
pub(super) const FORMS: [&str; 3] = ["tcp", "http", "exec"];

/// The one of `forms` that is given. More than one is an error that names the first two.
pub(super) fn form<'t>(
    reader: &mut Reader<'_>,
    table: &mut Table<'t>,
    forms: &[&'static str],
) -> Form<'t> {
    let mut given: Vec<Value<'t>> = forms.iter().filter_map(|key| table.take(key)).collect();
    given.sort_by_key(|value| value.key_span);
    match given.as_slice() {
        [] => Form::Missing,
        [one] => Form::One(*one),
        [first, second, ..] => {
            let (one, other) = (first.key, second.key);
            let message = format!("{} has both `{one}` and `{other}`", table.title());
            let help = format!("keep one: {} cannot stand together", list(forms.iter().copied()));
            let problem = Problem::new(second.key_span, message, help).label("one too many");
            reader.error(problem.also(first.key_span, "the other"));
            Form::Several
        }
    }
}

/// What is given of forms of which only one may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form<'t> {
    Missing,
    One(Value<'t>),
    Several,
}

/// Reads what is probed as `form`, and how often, and takes what belongs to it out of `table`.
/// A form that is no probe has no use for it, and the result is `None` without a problem.
pub(super) fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    form: Form<'_>,
    defaults: Defaults,
) -> Option<(Check, Probing)> {
    let status = table.take("status");
    let given = Given::take(table);
    let Form::One(form) = form else {
        // Which of several was meant is not known, but how it was meant to be probed is.
        given.read(reader, defaults);
        return None;
    };
    if let Some(status) = status.filter(|_| form.key != "http") {
        let message = format!("`status` has no meaning beside `{}`", form.key);
        let problem = Problem::new(status.key_span, message, "remove it: only `http` has a status");
        reader.error(problem.also(form.key_span, "no status here"));
    }
    if !FORMS.contains(&form.key) {
        for value in given.all() {
            let message = format!("{} has no meaning beside `{}`", value.name(), form.key);
            let help = format!(
                "remove it: {} are for {}",
                list(probing::KEYS.into_iter()),
                list(FORMS.into_iter())
            );
            let problem = Problem::new(value.key_span, message, help);
            reader.error(problem.also(form.key_span, "nothing is probed"));
        }
        return None;
    }
    let check = match form.key {
        "tcp" => address::read(reader, form).map(Check::Tcp),
        "http" => http::read(reader, form, status).map(Check::Http),
        _ => program::words(reader, form).map(Check::Exec),
    };
    let probing = given.read(reader, defaults);
    Some((check?, probing?))
}
