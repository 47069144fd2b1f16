//! The socket on which the supervisor takes commands: whose file it may take the place of.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::socket_file::SocketFile;

/// The name of the file while it is not yet open to whom it is for.
const NEW: &str = ".hearken-control.new";

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 128;

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// A live program listens at this path.
    #[error(
        "another program listens at {path}; stop that one, or set another `control` under [supervisor]"
    )]
    Taken {
        /// The path.
        path: PathBuf,
    },
    /// Something else has this name.
    #[error(
        "{path} is no socket, and is left as it is; move it away, or set another `control` under [supervisor]"
    )]
    NoSocket {
        /// The path.
        path: PathBuf,
    },
    /// The kernel refused it.
    #[error(
        "{path}: {error}; set `control` under [supervisor] to a path in a folder this user can write"
    )]
    Refused {
        /// The path.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

/// Listens at `path`, an absolute one of at most 107 bytes. The folder is made if it is missing.
/// Stream connections are accepted without blocking; the file has exactly this mode from the moment
/// it has its name, and by then it accepts.
///
/// A file that a dead program left is replaced; one behind which somebody listens never. Two that
/// come at the same time are kept apart by a lock on the folder, held only in here.
///
/// # Errors
/// If somebody listens there, if something else has the name, or if the kernel refuses it.
pub fn listen_at(path: &Path, mode: u32) -> Result<(UnixListener, SocketFile), ListenError> {
    let refused = |error: io::Error| ListenError::Refused { path: path.to_owned(), error };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(refused(io::ErrorKind::InvalidFilename.into()));
    };
    let directory = locked(folder).map_err(refused)?;
    if !may_be_replaced(path).map_err(refused)? {
        return Err(match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                ListenError::NoSocket { path: path.to_owned() }
            }
            Ok(_) | Err(_) => ListenError::Taken { path: path.to_owned() },
        });
    }
    let (listener, mut file) = bound(&directory, name.as_bytes(), mode).map_err(refused)?;
    flock(&directory, FlockOperation::Unlock).map_err(|errno| refused(errno.into()))?;
    file.keep_directory(directory);
    Ok((listener, file))
}

/// By way of the directory's descriptor no path is too long for a socket's address, and the
/// directory is the one that was locked.
fn bound(directory: &OwnedFd, name: &[u8], mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let folder = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    let path = folder.join(std::ffi::OsStr::from_bytes(name));
    let file = SocketFile::bind(socket.as_fd(), &folder.join(NEW), &path, mode, || {
        // Before it has its name: whoever finds the file can connect.
        rustix::net::listen(&socket, BACKLOG)
    })?;
    Ok((UnixListener::from(socket), file))
}

/// Opens the folder and locks it.
fn locked(folder: &Path) -> io::Result<OwnedFd> {
    const LOOKS: u32 = 200;
    const BETWEEN: Duration = Duration::from_millis(5);

    match fs::DirBuilder::new().mode(0o755).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(folder, flags, Mode::empty())?;
    for _ in 0..LOOKS {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            // Another one is in here just now.
            Err(Errno::WOULDBLOCK) => std::thread::sleep(BETWEEN),
            done => return done.map(|()| directory).map_err(Into::into),
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "the folder is locked by another program"))
}

/// Whether the name is free, or has a socket behind which nobody listens.
fn may_be_replaced(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&probe, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => Ok(true),
        // A listener of another kind, or one whose queue is full, is one all the same.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("temporary directory")
    }

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).expect("own folder").count()
    }

    #[test]
    fn it_accepts_and_has_its_mode_whatever_the_umask_and_is_gone_at_the_end() {
        let folder = folder();
        let path = folder.path().join("made/control.sock");
        for mode in [0o600, 0o660, 0o666] {
            let (listener, file) = listen_at(&path, mode).expect("free");
            let found = fs::metadata(&path).expect("bound").permissions().mode();
            assert_eq!(found & 0o7777, mode);
            let _client = UnixStream::connect(&path).expect("accepts");
            listener.accept().expect("connected");
            drop((listener, file));
            assert_eq!(count(&folder.path().join("made")), 0);
        }
    }

    #[test]
    fn a_stale_file_is_replaced_and_a_live_one_never() {
        let folder = folder();
        let path = folder.path().join("control.sock");
        drop(UnixListener::bind(&path).expect("free"));
        assert!(path.exists(), "std leaves the file behind");
        let (listener, file) = listen_at(&path, 0o600).expect("stale");
        let refusal = listen_at(&path, 0o600).expect_err("live").to_string();
        assert!(refusal.contains("another program") && refusal.contains("`control`"), "{refusal}");
        // The one who looked is at the head of the queue.
        listener.accept().expect("the look");
        let _client = UnixStream::connect(&path).expect("still the first one's");
        listener.accept().expect("connected");
        drop((listener, file));

        let _other_kind = UnixDatagram::bind(&path).expect("free");
        assert!(matches!(listen_at(&path, 0o600), Err(ListenError::Taken { .. })));
    }

    #[test]
    fn what_is_no_socket_is_left_as_it_is() {
        let folder = folder();
        let path = folder.path().join("control.sock");
        fs::write(&path, "precious").expect("room");
        let refusal = listen_at(&path, 0o600).expect_err("a file").to_string();
        assert!(refusal.contains("no socket") && refusal.contains("move it away"), "{refusal}");
        assert_eq!(fs::read(&path).expect("still there"), b"precious");
        fs::remove_file(&path).expect("own file");
        std::os::unix::fs::symlink("elsewhere", &path).expect("room");
        assert!(matches!(listen_at(&path, 0o600), Err(ListenError::NoSocket { .. })));
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[test]
    fn only_the_own_file_is_removed() {
        let folder = folder();
        let path = folder.path().join("control.sock");
        let (listener, file) = listen_at(&path, 0o600).expect("free");
        fs::remove_file(&path).expect("somebody tidied up");
        let _other = UnixListener::bind(&path).expect("free");
        drop((listener, file));
        assert!(path.exists());
    }

    #[test]
    fn of_many_at_once_exactly_one_listens() {
        let folder = folder();
        let path = folder.path().join("control.sock");
        for _ in 0..20 {
            drop(UnixListener::bind(&path).expect("free"));
            let start = std::sync::Barrier::new(8);
            let outcomes: Vec<_> = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            listen_at(&path, 0o600)
                        })
                    })
                    .collect();
                racers.into_iter().map(|racer| racer.join().expect("no panic")).collect()
            });
            let refused = outcomes.iter().filter(|it| matches!(it, Err(ListenError::Taken { .. })));
            assert_eq!(refused.count(), 7, "{outcomes:?}");
            drop(outcomes);
            assert!(!path.exists());
        }
    }

    #[test]
    fn the_longest_path_of_a_socket_fits() {
        let folder = folder();
        let used = folder.path().as_os_str().len() + 1;
        let path = folder.path().join("x".repeat(107 - used));
        let (listener, _file) = listen_at(&path, 0o600).expect("107 bytes");
        let _client = UnixStream::connect(&path).expect("fits");
        listener.accept().expect("connected");
        let refusal = listen_at(Path::new("/"), 0o600).expect_err("no name").to_string();
        assert!(refusal.starts_with("/: "), "{refusal}");
    }
}
