//! The state directory and its lock: one supervisor per config, never two.

use crate::hash::fnv1a;
use hearken_config::Config;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Overrides every other choice of the state directory.
pub(crate) const ENVIRONMENT: &str = "HEARKEN_STATE_DIR";

/// Why there is no state directory to work in.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Nobody said where, and there is no home to put it in.
    #[error(
        "there is no place for the state directory: HOME is not set; set state_directory under [supervisor], or {ENVIRONMENT}"
    )]
    NoPlace,
    /// It cannot be made or used.
    #[error(
        "the state directory {path}: {error}; set state_directory under [supervisor], or {ENVIRONMENT}, to a folder this user can write"
    )]
    Unusable {
        /// Which path.
        path: PathBuf,
        /// What the kernel said.
        error: std::io::Error,
    },
    /// Another supervisor works in it.
    #[error(
        "another hearken (pid {holder}) already runs with the state directory {path}; stop that one first, or give this one a state_directory of its own under [supervisor]"
    )]
    Taken {
        /// Which path.
        path: PathBuf,
        /// Who holds it.
        holder: String,
    },
}

/// A locked state directory. The lock goes with the process, however it ends.
#[derive(Debug)]
pub(crate) struct StateDirectory {
    path: PathBuf,
    _lock: File,
}

/// The state directory of a config: what it says itself, or the default.
///
/// # Errors
/// If neither the config, the environment nor the user's home gives a place.
pub fn state_directory(config: &Config) -> Result<PathBuf, StateError> {
    match &config.supervisor.state_directory {
        Some(path) => Ok(path.clone()),
        None => default_path(&config.path),
    }
}

/// The pid of the supervisor that works in this directory, if one does.
///
/// Asking takes the lock for a moment, shared, so whoever takes it for good asks more than once.
///
/// # Errors
/// If the lock cannot be looked at.
pub(crate) fn held_by(path: &Path) -> std::io::Result<Option<i32>> {
    let mut file = match File::open(path.join(LOCK)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(fs::TryLockError::WouldBlock) => Ok(Some(holder(&mut file).parse().unwrap_or(0))),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// The file that is locked.
const LOCK: &str = "lock";

impl StateDirectory {
    /// Makes and locks the directory at `path`.
    ///
    /// The lock is `flock(2)` on a file in it: a file left behind by a dead supervisor says
    /// nothing, only a live lock does.
    ///
    /// # Errors
    /// If it cannot be made, or is taken.
    pub(crate) fn lock(path: &Path) -> Result<Self, StateError> {
        let unusable = |error| StateError::Unusable { path: path.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(unusable)?;
        match lock_for_good(&file) {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(StateError::Taken { path: path.to_owned(), holder: holder(&mut file) });
            }
            Err(fs::TryLockError::Error(error)) => return Err(unusable(error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(unusable)?;
        Ok(Self { path: path.to_owned(), _lock: file })
    }

    /// Where it is.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Locks the file, whoever looks at the lock just now (see [`held_by`]).
fn lock_for_good(file: &File) -> Result<(), fs::TryLockError> {
    const LOOKS_PASS: Duration = Duration::from_millis(2);

    for _ in 0..3 {
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOOKS_PASS),
            other => return other,
        }
    }
    file.try_lock()
}

/// The pid of who holds the lock. It is written right after the lock was taken, which may be a
/// moment later than we look: supervisors that start together meet just then.
fn holder(file: &mut File) -> String {
    const LOOKS: u32 = 100;
    const BETWEEN: Duration = Duration::from_millis(5);

    for _ in 0..LOOKS {
        let mut holder = String::new();
        let _unreadable = file.rewind().and_then(|()| file.read_to_string(&mut holder));
        if holder.ends_with('\n') {
            return holder.trim().to_owned();
        }
        std::thread::sleep(BETWEEN);
    }
    "unknown".to_owned()
}

/// Where the state of the config at `config` lies, unless the config says so itself.
///
/// Each config file has a folder of its own, so that a trial run of one config does not meet the
/// supervisor of another: its name, and a number made of its whole path.
///
/// # Errors
/// If neither the environment nor the user's home gives a place.
pub(crate) fn default_path(config: &Path) -> Result<PathBuf, StateError> {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = variable(ENVIRONMENT) {
        return Ok(path);
    }
    let base = if rustix::process::geteuid().is_root() {
        PathBuf::from("/var/lib/hearken")
    } else {
        variable("XDG_STATE_HOME")
            .or_else(|| variable("HOME").map(|home| home.join(".local/state")))
            .ok_or(StateError::NoPlace)?
            .join("hearken")
    };
    let whole = fs::canonicalize(config).unwrap_or_else(|_| config.to_owned());
    let hash = fnv1a(whole.as_os_str().as_encoded_bytes());
    let stem = config.file_stem().unwrap_or_default().to_string_lossy();
    Ok(base.join(format!("{stem}-{:08x}", hash & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let first = StateDirectory::lock(&path).unwrap();
        assert_eq!(first.path(), path);
        let refusal = StateDirectory::lock(&path).unwrap_err().to_string();
        assert!(refusal.contains(&format!("pid {}", std::process::id())), "{refusal}");
        drop(first);
        assert!(StateDirectory::lock(&path).is_ok(), "a lock file left behind is no lock");
    }

    #[test]
    fn who_works_in_it_can_be_asked_without_being_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(held_by(folder.path()).unwrap(), None, "nobody ever did");
        let lock = StateDirectory::lock(folder.path()).unwrap();
        assert_eq!(held_by(folder.path()).unwrap(), i32::try_from(std::process::id()).ok());
        drop(lock);
        assert_eq!(held_by(folder.path()).unwrap(), None);
        let looking = File::open(folder.path().join(LOCK)).unwrap();
        std::thread::scope(|scope| {
            looking.try_lock_shared().unwrap();
            let locking = scope.spawn(|| StateDirectory::lock(folder.path()).is_ok());
            std::thread::sleep(Duration::from_millis(1));
            looking.unlock().unwrap();
            assert!(locking.join().unwrap());
        });
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let refusal = StateDirectory::lock(Path::new("/proc/nowhere")).unwrap_err().to_string();
        assert!(
            refusal.contains("/proc/nowhere") && refusal.contains("state_directory"),
            "{refusal}"
        );
    }
}
