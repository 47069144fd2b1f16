//! What a child reads on its standard input.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// Makes a file in memory that holds these bytes, to be read from its beginning, for
/// [`ChildEnds::stdin`](crate::ChildEnds::stdin). Nobody can change it or its size any more.
///
/// A file and no pipe, because a pipe takes 64 KiB and then has to be filled while the child
/// reads: somebody would wait for a child that does not, and one that exits early would have to
/// be told from one that broke. A file is whole before the child exists; the child may read it
/// twice, or seek, or map it, or leave it.
///
/// It takes the memory of its bytes until the last descriptor is closed; how many there may be is
/// the caller's to bound.
///
/// # Errors
/// `EMFILE`, `ENFILE` or `ENOMEM` of memfd_create(2); `ENOSPC` or `ENOMEM` where there is no memory
/// for the bytes.
pub fn payload_file(bytes: &[u8]) -> io::Result<OwnedFd> {
    let file = File::from(unnamed_file()?);
    // At a position, so that the file's own stays at the beginning.
    file.write_all_at(bytes, 0)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

/// A payload is no program. Linux 6.3 can say so, and refuses any other with EACCES where
/// `vm.memfd_noexec` is 2; an older kernel does not know the flag.
fn unnamed_file() -> rustix::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match memfd_create("payload", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(rustix::io::Errno::INVAL) => memfd_create("payload", flags),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_payload_is_read_from_its_beginning() {
        for payload in [&b""[..], b"\0\xff\n", &vec![7; 3 << 20]] {
            let mut read = Vec::new();
            File::from(payload_file(payload).unwrap()).read_to_end(&mut read).unwrap();
            assert_eq!(read, payload);
        }
    }

    #[test]
    fn nobody_can_change_a_payload() {
        let mut file = File::from(payload_file(b"as it is").unwrap());
        for size in [0, 3, 100] {
            assert_eq!(file.set_len(size).unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
        assert_eq!(file.write(b"else").unwrap_err().kind(), ErrorKind::PermissionDenied);
        let seals = SealFlags::empty();
        assert_eq!(fcntl_add_seals(&file, seals), Err(rustix::io::Errno::PERM), "nor the seals");
        let again = File::options().write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd()));
        assert!(again.and_then(|mut again| again.write(b"else")).is_err(), "nor by its name");
        let mut read = String::new();
        file.read_to_string(&mut read).unwrap();
        assert_eq!(read, "as it is");
    }
}
