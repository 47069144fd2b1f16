//! A config in a folder of its own, and the command that runs it.

use super::supervisor::Hearken;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// The program with bad manners.
pub(crate) fn fixture() -> &'static str {
    env!("CARGO_BIN_EXE_fixture")
}

fn binary() -> OsString {
    std::env::var_os("HEARKEN_UNDER_TEST")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_hearken_under_test").into())
}

/// Starts hearken with these services.
pub(crate) fn hearken(services: &str) -> Hearken {
    Setup::new(services).start()
}

/// What hearken is started with.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(super) folder: Arc<TempDir>,
    services: String,
    supervisor: String,
    through: Vec<String>,
    environment: Vec<(String, String)>,
    pub(super) leaves: Option<&'static str>,
}

impl Setup {
    /// These services, in TOML. `{fixture}` stands for the path of the fixture, `{folder}` for
    /// that of the test's own folder.
    pub(crate) fn new(services: &str) -> Setup {
        // Not under /tmp itself: a hostile neighbour there is part of no test.
        let folder = tempfile::Builder::new().prefix("hearken-e2e-").tempdir().unwrap();
        Setup {
            folder: Arc::new(folder),
            services: services.to_owned(),
            supervisor: String::new(),
            through: Vec::new(),
            environment: Vec::new(),
            leaves: None,
        }
    }

    /// Lines for `[supervisor]`.
    pub(crate) fn supervisor(mut self, lines: &str) -> Setup {
        self.supervisor = lines.to_owned();
        self
    }

    /// Runs hearken by way of this program, which execs it.
    pub(crate) fn through(mut self, words: &[&str]) -> Setup {
        self.through = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: &str) -> Setup {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Some process gets away from hearken, and this is why that is right.
    pub(crate) fn leaves(mut self, why: &'static str) -> Setup {
        self.leaves = Some(why);
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder; with an `x` bit if asked for.
    pub(crate) fn file(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Writes the config, and gives its path.
    pub(crate) fn write(&self) -> PathBuf {
        let text = format!(
            "[supervisor]\nstate_directory = \"{{folder}}/state\"\n{}\n{}\n",
            self.supervisor, self.services,
        );
        let text = text
            .replace("{fixture}", fixture())
            .replace("{folder}", self.folder().to_str().unwrap());
        self.file("hearken.toml", text.as_bytes(), 0o644)
    }

    /// The command, with this config or another, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut words: Vec<OsString> = self.through.iter().map(OsString::from).collect();
        words.push(binary());
        words.extend(arguments.iter().map(OsString::from));
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .env("HOME", self.folder())
            .env_remove("NO_COLOR")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs as this user, who then owns the folder. For root only.
    pub(crate) fn run_as(mut self, user: u32, more: &[&str]) -> Setup {
        std::os::unix::fs::chown(self.folder(), Some(user), Some(user)).unwrap();
        let user = user.to_string();
        let words = ["setpriv", "--reuid", &user, "--regid", &user, "--clear-groups", "--"];
        self.through = words.iter().chain(more).map(|&word| word.to_owned()).collect();
        self
    }

    /// Writes the config and starts hearken with it.
    pub(crate) fn start(self) -> Hearken {
        let config = self.write();
        self.start_with(&config)
    }

    /// Starts hearken with this config.
    pub(crate) fn start_with(self, config: &Path) -> Hearken {
        let mut command = self.command(&["up", "--config", config.to_str().unwrap()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        Hearken::new(child, self)
    }
}
