use std::{fmt, io};

/// The kernel's reason for a refusal, as in errno(3).
///
/// Prints as `ENOENT (No such file or directory)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(i32);

macro_rules! names {
    ($($name:ident)*) => {
        fn name_of(number: i32) -> Option<&'static str> {
            match number {
                $(libc::$name => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

// Every name of errno(3) that a process, file, socket or memory call on Linux can give; aliases
// (EWOULDBLOCK, EDEADLOCK, EOPNOTSUPP's twin) appear under their first name.
names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT
    ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG
    ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY
    ELOOP ENODATA ETIME ENOLINK EPROTO EBADMSG EOVERFLOW EILSEQ ELIBACC ELIBBAD ELIBEXEC EUSERS
    ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT
    EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET
    ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT
    ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN EREMOTEIO EDQUOT
    ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD
    ENOTRECOVERABLE ERFKILL EHWPOISON
}

impl Errno {
    /// The reason with this number.
    pub const fn new(number: i32) -> Errno {
        Errno(number)
    }

    /// The reason of the libc call that just failed on this thread.
    pub(crate) fn last() -> Errno {
        // SAFETY: __errno_location always returns a valid pointer to this thread's errno.
        Errno(unsafe { *libc::__errno_location() })
    }

    /// The number, for comparing with the constants of libc.
    pub const fn get(self) -> i32 {
        self.0
    }

    /// The name in errno(3), `ENOENT`; `EUNKNOWN` for a number without one.
    pub fn name(self) -> &'static str {
        name_of(self.0).unwrap_or("EUNKNOWN")
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = io::Error::from_raw_os_error(self.0).to_string();
        let sentence = sentence.split(" (os error").next().unwrap_or_default();
        write!(f, "{} ({sentence})", self.name())
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Errno({} {})", self.0, self.name())
    }
}

impl std::error::Error for Errno {}

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Errno {
        Errno(errno.raw_os_error())
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_its_name_and_sentence() {
        assert_eq!(Errno::new(libc::ENOENT).to_string(), "ENOENT (No such file or directory)");
    }

    #[test]
    fn an_unknown_number_still_prints() {
        assert_eq!(Errno::new(4000).name(), "EUNKNOWN");
        assert_eq!(Errno::new(4000).to_string(), "EUNKNOWN (Unknown error 4000)");
    }
}
