//! From a path to a text.

use crate::config::{self, Config};
use crate::diagnostic::{ConfigErrors, Diagnostic, Problem, Severity};
use crate::read::variables::Variables;
use crate::source::{Source, Span};
use crate::trust::{self, Caller};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// The largest config file, in bytes.
pub const CONFIG_MAX: u64 = 1024 * 1024;

/// How a config is read.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Takes a file that others could have written (`--insecure-config`), with a warning.
    pub insecure: bool,
    /// What `${VAR}` may name.
    pub variables: Variables,
    /// Who asks; `None` is this process.
    pub caller: Option<Caller>,
}

impl LoadOptions {
    /// The options of a plain start: this process and its environment, nothing insecure.
    #[must_use]
    pub fn of_process() -> Self {
        Self { insecure: false, variables: Variables::of_process(), caller: None }
    }
}

/// A config that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The config.
    pub config: Config,
    /// What probably is not what was meant, in the order of the text.
    pub warnings: Vec<Diagnostic>,
}

pub(crate) fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, ConfigErrors> {
    let (bytes, found) = read(path, options)?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let bad = error.as_bytes().get(good).copied().unwrap_or_default();
            return Err(not_utf8(path, error.as_bytes(), good, bad));
        }
    };
    config::read(path, &text, options, found)
}

/// The bytes of the file, and warnings about who could have written them.
fn read(path: &Path, options: &LoadOptions) -> Result<(Vec<u8>, Vec<Diagnostic>), ConfigErrors> {
    // Looked at by name first, because opening something else (a pipe, a tape) may have effects;
    // what counts is what was opened, so it is looked at again.
    let named = std::fs::metadata(path).map_err(|error| cannot(path, "read", &error))?;
    check_kind(path, &named)?;
    let file = open(path).map_err(|error| cannot(path, "open", &error))?;
    let opened = file.metadata().map_err(|error| cannot(path, "read", &error))?;
    check_kind(path, &opened)?;
    let caller = options.caller.unwrap_or_else(Caller::of_process);
    let found = trust::check(path, &opened, caller, options.insecure)?;

    let mut bytes = Vec::new();
    let read = file.take(CONFIG_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| cannot(path, "read", &error))?;
    if bytes.len() as u64 > CONFIG_MAX {
        let message = format!("a config has at most {CONFIG_MAX} bytes, this file has more");
        return Err(of_file(path, message, "check the path: this is probably not a config"));
    }
    Ok((bytes, found))
}

/// `O_NONBLOCK`, for the case that somebody puts a pipe in the place of the file in between.
const NONBLOCK: i32 = 0o4000;

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)
}

fn check_kind(path: &Path, metadata: &std::fs::Metadata) -> Result<(), ConfigErrors> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let file = path.display().to_string();
    let (message, help) = if kind.is_dir() {
        (
            "this is a directory, not a config file",
            format!("name the file in it: {file}/hearken.toml"),
        )
    } else {
        ("this is no regular file", "name a file that holds the config".to_owned())
    };
    Err(of_file(path, message, help))
}

fn cannot(path: &Path, verb: &str, error: &io::Error) -> ConfigErrors {
    let file = path.display().to_string();
    // Only these two have a better next step than the words of the kernel.
    let (message, help) = if error.kind() == ErrorKind::NotFound {
        let help = "check the path, or name another with --config".to_owned();
        ("there is no such config file".to_owned(), help)
    } else if error.kind() == ErrorKind::PermissionDenied {
        let help = format!("let the user that runs hearken read it: chmod, chown, or ls -l {file}");
        (format!("cannot {verb} the config file: permission denied"), help)
    } else {
        (format!("cannot {verb} the config file: {error}"), format!("check it with: ls -l {file}"))
    };
    of_file(path, message, help)
}

fn of_file(path: &Path, message: impl Into<String>, help: impl Into<String>) -> ConfigErrors {
    let file = path.display().to_string();
    ConfigErrors::new(vec![Diagnostic::of_file(Severity::Error, file, message, help)])
}

/// Points at the first byte that is no text, in the lines as far as they are.
fn not_utf8(path: &Path, bytes: &[u8], good: usize, bad: u8) -> ConfigErrors {
    let line_end = bytes[good..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| good + n);
    let text = String::from_utf8_lossy(&bytes[..line_end]).into_owned();
    let source = Arc::new(Source::new(path.display().to_string(), text));
    let message = format!("the file is not valid UTF-8: byte 0x{bad:02x}");
    let help = "save it as UTF-8";
    let span = Span { start: good, end: good + 1 };
    let problem = Problem::new(span, message, help);
    ConfigErrors::new(vec![problem.in_source(Severity::Error, &source)])
}
