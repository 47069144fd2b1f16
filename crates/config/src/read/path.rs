//! Paths, absolute or from the folder of the config file.

use super::text::{For, expanded};
use super::{Reader, Value};
use crate::diagnostic::Problem;
use std::path::PathBuf;

/// The absolute path that `value` names.
pub(crate) fn path(reader: &mut Reader<'_>, value: Value<'_>) -> Option<PathBuf> {
    let text = expanded(reader, value, For::Program)?;
    if text.is_empty() {
        let message = format!("{} must not be empty", value.name());
        let help = format!("write {} = \".\" for the folder of this file", value.key);
        reader.error(Problem::new(value.span, message, help));
        return None;
    }
    if text.starts_with('~') {
        let message = format!("`~` is not expanded in {}", value.name());
        let help = "write the whole path, or \"${HOME}/…\" for the home of whoever starts hearken";
        reader.error(Problem::new(value.span, message, help));
        return None;
    }
    // Through its components, so that "." and a doubled slash leave no trace.
    Some(reader.directory().join(text).components().collect())
}
