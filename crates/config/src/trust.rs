//! Whether a config may be believed: who reads it as root runs whatever it says as root.

use crate::diagnostic::{ConfigErrors, Diagnostic, Severity};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The user that asks for a config to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Who started the process.
    pub real: u32,
    /// As whom it acts.
    pub effective: u32,
}

const ROOT: u32 = 0;

impl Caller {
    /// The users of this process. Root, the strictest answer, if `/proc` does not tell.
    #[must_use]
    pub fn of_process() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self::in_status(&status).unwrap_or(Self { real: ROOT, effective: ROOT })
    }

    fn in_status(status: &str) -> Option<Self> {
        let mut users =
            status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace();
        let real = users.next()?.parse().ok()?;
        Some(Self { real, effective: users.next()?.parse().ok()? })
    }
}

const WORLD_WRITABLE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// For root, refuses a file that somebody else could have written; with `insecure`, warns.
///
/// `opened` is of the open file, so what is checked is what is read.
pub(crate) fn check(
    path: &Path,
    opened: &Metadata,
    caller: Caller,
    insecure: bool,
) -> Result<Vec<Diagnostic>, ConfigErrors> {
    if caller.effective != ROOT {
        return Ok(Vec::new());
    }
    let mut found = doubts_of_file(path, opened, caller);
    for directory in directories(path) {
        if let Ok(metadata) = std::fs::metadata(&directory) {
            found.extend(doubt_of_directory(&directory, metadata.mode()));
        }
    }
    let severity = if insecure { Severity::Warning } else { Severity::Error };
    let file = path.display().to_string();
    let diagnostics = found.into_iter().map(|(message, help)| {
        let help =
            if insecure { help } else { format!("{help}; --insecure-config takes it as it is") };
        Diagnostic::of_file(severity, file.clone(), message, help)
    });
    let diagnostics: Vec<Diagnostic> = diagnostics.collect();
    if insecure || diagnostics.is_empty() {
        Ok(diagnostics)
    } else {
        Err(ConfigErrors::new(diagnostics))
    }
}

fn doubts_of_file(path: &Path, opened: &Metadata, caller: Caller) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mode, owner, file) = (opened.mode(), opened.uid(), path.display());
    if mode & WORLD_WRITABLE != 0 {
        let message = format!("anybody may write this file (mode {:04o})", mode & 0o7777);
        found.push((message, format!("chmod o-w {file}")));
    }
    if owner != ROOT && owner != caller.real {
        let message = format!("this file belongs to the user with the number {owner}, not to root");
        found.push((message, format!("chown root {file}")));
    }
    found
}

fn doubt_of_directory(directory: &Path, mode: u32) -> Option<(String, String)> {
    if mode & WORLD_WRITABLE == 0 || mode & STICKY != 0 {
        return None;
    }
    let directory = directory.display();
    let message =
        format!("anybody may replace this file: {directory} has mode {:04o}", mode & 0o7777);
    Some((message, format!("chmod o-w {directory}")))
}

/// The folder of the name, and that of the file itself where the name is a link.
fn directories(path: &Path) -> Vec<PathBuf> {
    let named = std::path::absolute(path).ok();
    let mut all: Vec<PathBuf> = [named, path.canonicalize().ok()]
        .into_iter()
        .flatten()
        .filter_map(|path| path.parent().map(Path::to_path_buf))
        .collect();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_of_a_process_stand_in_its_status() {
        let status = "Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t1\t1\t1\t1\n";
        assert_eq!(Caller::in_status(status), Some(Caller { real: 1000, effective: 0 }));
        assert_eq!(Caller::in_status("Name:\tx\n"), None);
    }

    #[test]
    fn a_sticky_directory_is_no_doubt() {
        let tmp = Path::new("/tmp");
        assert_eq!(doubt_of_directory(tmp, 0o041_777), None);
        assert_eq!(doubt_of_directory(tmp, 0o040_755), None);
        assert!(doubt_of_directory(tmp, 0o040_777).is_some());
    }
}
