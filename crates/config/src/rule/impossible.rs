//! Criteria that never hold together.

use super::matches::Given;
use crate::diagnostic::Problem;
use crate::read::{Reader, Value};
use hearken_core::kind::Kind;
use hearken_core::rule::Match;

/// Warns of a match that nothing can fit, naming the two criteria that shut each other out.
pub(super) fn warn(reader: &mut Reader<'_>, matches: &Match, given: &Given<'_>) {
    let Some((one, other, why)) = contradiction(matches, given) else {
        return;
    };
    let (first, second) = if one.key_span < other.key_span { (one, other) } else { (other, one) };
    let message = format!("this can never match: `{}` and `{}`", first.key, second.key);
    let help = format!("{why}: remove one of them, or write two rules");
    let problem = Problem::new(second.key_span, message, help).label("and this");
    reader.warning(problem.also(first.key_span, "this"));
}

/// Two criteria, and why they never hold together.
type Contradiction<'t> = (Value<'t>, Value<'t>, &'static str);

fn contradiction<'t>(matches: &Match, given: &Given<'t>) -> Option<Contradiction<'t>> {
    if let (Some(code), Some(signal)) = (given.exit_code, given.signal) {
        return Some((code, signal, "what a signal has killed has no exit code"));
    }
    let kind = given.kind?;
    let all = |test: &dyn Fn(Kind) -> bool| matches.kind.iter().all(|kind| test(*kind));
    if all(&|kind| kind == Kind::StartFailed)
        && let Some(end) = given.exit_code.or(given.signal)
    {
        return Some((kind, end, "what never ran has no exit code, and no signal has killed it"));
    }
    if all(&|kind| !is_said(kind))
        && let Some(said) = given.scope.or(given.retryable)
    {
        return Some((kind, said, "only an error that a program said itself has it"));
    }
    if all(&|kind| kind == Kind::Crashed) {
        if let Some(code) = given.code {
            return Some((kind, code, "a crash is an end without a word, and has no code"));
        }
        let unexplained = |code: &i32| Kind::of_exit_code(*code) == Some(Kind::Crashed);
        if let Some(exit_code) = given.exit_code
            && !matches.exit_code.iter().any(unexplained)
        {
            return Some((kind, exit_code, "exit codes with a meaning are of another kind"));
        }
    }
    None
}

/// Whether a program can say it; the others only hearken finds.
fn is_said(kind: Kind) -> bool {
    match kind {
        Kind::Transient
        | Kind::Timeout
        | Kind::RateLimited
        | Kind::Unavailable
        | Kind::Conflict
        | Kind::Resource
        | Kind::Invalid
        | Kind::NotFound
        | Kind::Denied
        | Kind::Config
        | Kind::Bug
        | Kind::Cancelled => true,
        Kind::Crashed | Kind::Oom | Kind::Lost | Kind::Protocol | Kind::StartFailed => false,
    }
}
