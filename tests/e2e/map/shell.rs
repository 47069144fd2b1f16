//! A folder in which `hearken map` is called, and what it says there.

use crate::harness::{PATIENCE, Setup, processes_at_home, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long its fork server may outlive it.
const JANITOR: Duration = Duration::from_secs(5);

/// A folder of its own, where `hearken map` is called.
#[derive(Debug)]
pub(super) struct Shell {
    setup: Setup,
}

impl Shell {
    pub(super) fn new() -> Shell {
        Shell { setup: Setup::new("") }
    }

    pub(super) fn environment(self, name: &str, value: &str) -> Shell {
        Shell { setup: self.setup.environment(name, value) }
    }

    pub(super) fn folder(&self) -> &Path {
        self.setup.folder()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// `hearken map` with these arguments, not started yet.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let words: Vec<_> = ["map"].iter().chain(arguments).copied().collect();
        let mut command = self.setup.command(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts it with nothing to read.
    pub(super) fn start(&self, arguments: &[&str]) -> Running {
        self.start_command(self.command(arguments))
    }

    pub(super) fn start_command(&self, mut command: Command) -> Running {
        Running::new(command.spawn().unwrap(), self.setup.clone())
    }

    /// Runs it with these bytes to read, to its end.
    #[track_caller]
    pub(super) fn fed(&self, input: &[u8], arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        let mut running = self.start_command(command_with_pipe(&mut command));
        let mut pipe = running.child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // Whoever ends before it has read everything says why by itself.
            let _closed = pipe.write_all(&input);
        });
        let ran = running.end();
        writer.join().unwrap();
        ran
    }

    /// Runs it with nothing to read, to its end.
    #[track_caller]
    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).end()
    }
}

fn command_with_pipe(command: &mut Command) -> Command {
    command.stdin(Stdio::piped());
    std::mem::replace(command, Command::new("true"))
}

/// How it ended, and what it wrote.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) status: ExitStatus,
    /// Standard output.
    pub(super) out: Vec<u8>,
    /// Standard error.
    pub(super) said: String,
}

impl Ran {
    #[track_caller]
    pub(super) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("{}: {}", self.status, self.said))
    }

    /// Its results, once it has ended with this code.
    #[track_caller]
    pub(super) fn results(&self, code: i32) -> Vec<Value> {
        assert_eq!(self.code(), code, "{}\n{}", self.text(), self.said);
        self.out
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    /// This field of its results, in the order of the inputs.
    #[track_caller]
    pub(super) fn of_each(&self, code: i32, field: &str) -> Vec<Value> {
        let mut results = self.results(code);
        results.sort_by_key(|it| it["index"].as_u64());
        let field = format!("/{}", field.replace('.', "/"));
        results.iter().map(|it| it.pointer(&field).cloned().unwrap_or(Value::Null)).collect()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// That it said this, and with what code it ended.
    #[track_caller]
    pub(super) fn says(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code(), code, "{}", self.said);
        for part in parts {
            assert!(self.said.contains(part), "{part:?} is not in\n{}", self.said);
        }
    }
}

/// What is read from a pipe so far.
#[derive(Debug)]
struct Reading {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Reading {
    fn of(mut pipe: impl Read + Send + 'static) -> Reading {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut room = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = pipe.read(&mut room) {
                theirs.lock().unwrap().extend_from_slice(&room[..read]);
            }
        });
        Reading { bytes, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn whole(self) -> Vec<u8> {
        self.reader.join().unwrap();
        std::mem::take(&mut *self.bytes.lock().unwrap())
    }
}

/// A map that runs. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// Its folder stays until it has ended.
    setup: Setup,
    out: Option<Reading>,
    said: Option<Reading>,
}

impl Running {
    fn new(mut child: Child, setup: Setup) -> Running {
        let out = child.stdout.take().map(Reading::of);
        let said = child.stderr.take().map(Reading::of);
        Running { child, setup, out, said }
    }

    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits until standard output holds this.
    #[track_caller]
    pub(super) fn writes(&self, part: &str) {
        let out = || self.out.as_ref().map_or(String::new(), Reading::so_far);
        until(part, PATIENCE, || out().contains(part).then_some(()));
    }

    /// Waits until standard error holds this.
    #[track_caller]
    pub(super) fn says(&self, part: &str) {
        let said = || self.said.as_ref().map_or(String::new(), Reading::so_far);
        until(part, PATIENCE, || said().contains(part).then_some(()));
    }

    /// Waits for its end. Then nothing that it started may live.
    #[track_caller]
    pub(super) fn end(mut self) -> Ran {
        let status = until("the end of the map", 3 * PATIENCE, || self.child.try_wait().unwrap());
        let whole = |reading: Option<Reading>| reading.map(Reading::whole).unwrap_or_default();
        let (out, said) = (whole(self.out.take()), whole(self.said.take()));
        until("nothing of it lives", JANITOR, || {
            processes_at_home(self.setup.folder()).is_empty().then_some(())
        });
        Ran { status, out, said: String::from_utf8_lossy(&said).into_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
