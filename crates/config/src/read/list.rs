//! One value, or a list of them.

use super::table::elements;
use super::{Reader, Value};
use crate::diagnostic::Problem;
use crate::source::Span;

/// The most elements such a list may have.
pub(crate) const LIST_MAX: usize = 32;

/// What `read` makes of `value`, or of each of its elements if it is an array. Every problem is
/// kept; nothing stands there twice.
pub(crate) fn one_or_many<'t, T: PartialEq>(
    reader: &mut Reader<'_>,
    value: Value<'t>,
    mut read: impl FnMut(&mut Reader<'_>, Value<'t>) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(all) = elements(value) else {
        return Some(vec![read(reader, value)?]);
    };
    if all.is_empty() {
        let message = format!("{} is an empty list: nothing is in it", value.name());
        let help = format!("name at least one, or remove `{}`", value.key);
        reader.error(Problem::new(value.span, message, help));
        return None;
    }
    if all.len() > LIST_MAX {
        let count = all.len();
        let message = format!("{} has {count} elements; {LIST_MAX} is the most", value.name());
        reader.error(Problem::new(value.span, message, "split it up"));
        return None;
    }
    let mut kept: Vec<(T, Span)> = Vec::with_capacity(all.len());
    let mut fine = true;
    for element in all {
        let Some(made) = read(reader, element) else {
            fine = false;
            continue;
        };
        match kept.iter().find(|(earlier, _)| *earlier == made) {
            Some((_, first)) => {
                let message = format!("{} names the same twice", value.name());
                let problem = Problem::new(element.span, message, "remove one of them");
                reader.error(problem.label("again").also(*first, "first"));
                fine = false;
            }
            None => kept.push((made, element.span)),
        }
    }
    fine.then(|| kept.into_iter().map(|(made, _)| made).collect())
}
