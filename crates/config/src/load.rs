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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::PathBuf;

    const GOOD: &str = "[service.web]\ncommand = [\"x\"]\n";
    const USER: Caller = Caller { real: 1000, effective: 1000 };

    fn load(path: &Path) -> Result<Loaded, ConfigErrors> {
        Config::load(path, &LoadOptions { caller: Some(USER), ..LoadOptions::default() })
    }

    #[track_caller]
    fn refused(path: &Path) -> String {
        load(path).map(|_| ()).unwrap_err().render(false)
    }

    fn file(directory: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
        let path = directory.path().join("hearken.toml");
        fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn a_file_is_read_and_knows_its_folder() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, GOOD.as_bytes());
        let config = load(&path).unwrap().config;
        assert_eq!(config.path, path);
        assert_eq!(config.directory, directory.path());
        assert_eq!(config.services[0].directory, directory.path());
    }

    #[test]
    fn what_is_no_file_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let below_a_file = file(&directory, b"").join("x");
        let table = [
            (at.to_path_buf(), "this is a directory", "/hearken.toml"),
            (at.join("nope.toml"), "no such config file", "check the path"),
            (PathBuf::from("/dev/null"), "no regular file", "name a file"),
            (at.join("a\nb"), "no such config file", "check the path"),
            (PathBuf::from(""), "no such config file", "check the path"),
            (below_a_file, "cannot read the config file: Not a directory", "ls -l"),
        ];
        for (path, message, help) in table {
            let shown = refused(&path);
            assert!(shown.contains(message) && shown.contains(help), "{shown}");
            assert!(shown.contains("--> "), "{shown}");
        }
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        // Nobody writes into it: to read it would take for ever.
        let (reader, _writer) = io::pipe().unwrap();
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        assert!(refused(Path::new(&path)).contains("no regular file"));
    }

    #[test]
    fn no_permission_is_said_as_such() {
        let error = io::Error::from(ErrorKind::PermissionDenied);
        let shown = cannot(Path::new("/x"), "open", &error).render(false);
        assert!(shown.contains("cannot open the config file: permission denied"), "{shown}");
        assert!(shown.contains("--> /x") && shown.contains("chmod"), "{shown}");
    }

    #[test]
    fn a_large_file_is_no_config() {
        let directory = tempfile::tempdir().unwrap();
        let fits = format!("{GOOD}#{}", "x".repeat(1024 * 1024 - GOOD.len() - 1));
        load(&file(&directory, fits.as_bytes())).unwrap();
        let shown = refused(&file(&directory, format!("{fits}x").as_bytes()));
        assert!(shown.contains("at most 1048576 bytes"), "{shown}");
        assert!(shown.contains("check the path"), "{shown}");
    }

    #[test]
    fn text_must_be_utf8() {
        let directory = tempfile::tempdir().unwrap();
        let shown = refused(&file(&directory, b"a = 1\n\xc3\xbc = \"\xff\"\nb = 2"));
        assert!(shown.contains("not valid UTF-8: byte 0xff"), "{shown}");
        assert!(shown.contains("hearken.toml:2:6\n"), "{shown}");
        assert!(shown.contains("save it as UTF-8"), "{shown}");
        assert!(refused(&file(&directory, b"\xff\xfea\0")).contains("hearken.toml:1:1\n"));
    }

    /// What root says of this file.
    fn as_root(path: &Path, real: u32, insecure: bool) -> Result<Loaded, ConfigErrors> {
        let caller = Some(Caller { real, effective: 0 });
        Config::load(path, &LoadOptions { insecure, caller, ..LoadOptions::default() })
    }

    fn change(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn root_believes_no_file_that_anybody_may_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, GOOD.as_bytes());
        let me = fs::metadata(&path).unwrap().uid();
        as_root(&path, me, false).unwrap();

        change(&path, 0o666);
        load(&path).expect("who is not root may do with a file what they like");
        let shown = as_root(&path, me, false).unwrap_err().render(false);
        assert!(shown.contains("anybody may write this file (mode 0666)"), "{shown}");
        assert!(shown.contains("chmod o-w") && shown.contains("--insecure-config"), "{shown}");
        let warnings = as_root(&path, me, true).unwrap().warnings;
        assert!(warnings[0].render(false).starts_with("warning: anybody may write"));

        change(&path, 0o600);
        change(directory.path(), 0o777);
        let shown = as_root(&path, me, false).unwrap_err().render(false);
        assert!(shown.contains("anybody may replace this file"), "{shown}");
        change(directory.path(), 0o1777);
        as_root(&path, me, false).unwrap();
    }

    #[test]
    fn root_believes_no_file_of_somebody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, GOOD.as_bytes());
        // Only root can give a file away; for anybody else, let it be another who asks.
        let given = std::os::unix::fs::chown(&path, Some(4321), None).is_ok();
        let owner = fs::metadata(&path).unwrap().uid();
        let stranger = if given { 0 } else { owner + 1 };
        let shown = as_root(&path, stranger, false).unwrap_err().render(false);
        assert!(shown.contains(&format!("the user with the number {owner}")), "{shown}");
        assert!(shown.contains("chown root"), "{shown}");
        as_root(&path, owner, false).unwrap();
        assert_eq!(as_root(&path, stranger, true).unwrap().warnings.len(), 1);
    }
}
