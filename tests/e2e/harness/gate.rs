//! A gate that tasks wait at until the test lets them through.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A named pipe that tasks wait at, `["gate", path]`: each takes one byte out of it.
#[derive(Debug)]
pub(crate) struct Gate {
    path: PathBuf,
    pipe: File,
}

impl Gate {
    pub(crate) fn new(folder: &Path) -> Gate {
        let path = folder.join("gate");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // For reading, too, so that it is never at its end.
        let pipe = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        Gate { path, pipe }
    }

    pub(crate) fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Lets so many tasks through, of those that wait and those that come.
    pub(crate) fn open(&self, tasks: usize) {
        (&self.pipe).write_all(&vec![0; tasks]).unwrap();
    }

    /// Lets so many shells through, that read a line each.
    pub(crate) fn open_lines(&self, shells: usize) {
        (&self.pipe).write_all(&vec![b'\n'; shells]).unwrap();
    }
}
