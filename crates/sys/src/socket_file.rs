//! The file of a Unix socket: it gets its name when all about it is right, and goes with its socket.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::fs::{Mode, OFlags, fstat, lstat};
use rustix::net::{SocketAddrUnix, bind};

/// The file of a bound socket.
///
/// Dropping it removes the file, unless another one has taken that name since.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    id: FileId,
    /// The directory that `path` leads through, if it does so by descriptor.
    directory: Option<OwnedFd>,
}

/// What tells two files apart that had the same name.
type FileId = (u64, u64);

impl SocketFile {
    /// Binds the socket at `new`, gives the file this mode, has the socket made `ready`, and then
    /// gives the file the name `path` in place of what had that name: nobody meets a file with another mode, nor none at all where there was
    /// a stale one. Both names are in a directory where nobody else binds at this time.
    ///
    /// # Errors
    /// `ENAMETOOLONG`, and what bind(2), chmod(2) and rename(2) can say.
    pub(crate) fn bind(
        socket: BorrowedFd<'_>,
        new: &Path,
        path: &Path,
        mode: u32,
        ready: impl FnOnce() -> rustix::io::Result<()>,
    ) -> io::Result<SocketFile> {
        let address = SocketAddrUnix::new(new)?;
        remove_if_there(new)?;
        // Before the bind, which takes the mode from here and cuts it by the umask: the file is at
        // no moment more open than it shall be.
        rustix::fs::fchmod(socket, Mode::from_raw_mode(mode))?;
        bind(socket, &address)?;
        let id = open_to(new, mode).and_then(|id| {
            ready()?;
            fs::rename(new, path)?;
            Ok(id)
        });
        if id.is_err() {
            let _the_reason_above_says_more = remove_if_there(new);
        }
        Ok(SocketFile { path: path.to_owned(), id: id?, directory: None })
    }

    /// Keeps the directory open that its path leads through.
    pub(crate) fn keep_directory(&mut self, directory: OwnedFd) {
        self.directory = Some(directory);
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Between the look and the removal only the lock on the directory stands.
        if lstat(&self.path).is_ok_and(|now| file_id(&now) == self.id) {
            // A file that stays is replaced by the next bind.
            let _stays = fs::remove_file(&self.path);
        }
    }
}

/// What the umask cut off is given back. The umask itself is shared by all threads; and by its name
/// the file could be a link by now.
fn open_to(path: &Path, mode: u32) -> io::Result<FileId> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    // fchmod(2) refuses such a descriptor, chmod(2) follows it.
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    fs::set_permissions(name, fs::Permissions::from_mode(mode))?;
    Ok(file_id(&fstat(&file)?))
}

#[expect(clippy::useless_conversion, reason = "the fields are narrower on some architectures")]
fn file_id(stat: &rustix::fs::Stat) -> FileId {
    (stat.st_dev.into(), stat.st_ino.into())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
