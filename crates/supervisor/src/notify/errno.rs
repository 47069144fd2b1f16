//! `ERRNO=…` as an error in the child's own words.

use hearken_core::evidence::TypedError;
use hearken_core::kind::Kind;
use hearken_sys::Errno;

/// The error that a child says by its number. `status` is what it says beside it, as the example in
/// sd_notify(3) does: `STATUS=Failed to start up: …`, then `ERRNO=…`.
pub(crate) fn typed_error(errno: Errno, status: Option<&str>) -> TypedError {
    let name = errno.name();
    let code = match name {
        "EUNKNOWN" => format!("errno.{}", errno.get()),
        name => format!("errno.{name}"),
    };
    let message = match status.filter(|text| !text.is_empty()) {
        Some(text) => text.to_owned(),
        None => errno.to_string(),
    };
    TypedError { kind: kind(name), code, message, retryable: None, retry_after: None, scope: None }
}

/// What sort of failure: what the call that gave it would mean to most programs. What is not here
/// says too little, and counts as a bug: it is tried again, and counted.
fn kind(name: &str) -> Kind {
    match name {
        "ENOENT" | "ENODEV" | "ENXIO" | "ENOMEDIUM" | "ENOTDIR" => Kind::NotFound,
        "EACCES" | "EPERM" | "EROFS" => Kind::Denied,
        "EAGAIN" | "ENOMEM" | "ENOSPC" | "EDQUOT" | "EMFILE" | "ENFILE" | "ENOBUFS" => {
            Kind::Resource
        }
        "ECONNREFUSED" | "ECONNRESET" | "ECONNABORTED" | "EHOSTUNREACH" | "EHOSTDOWN"
        | "ENETUNREACH" | "ENETDOWN" | "EADDRNOTAVAIL" => Kind::Unavailable,
        "ETIMEDOUT" | "ETIME" => Kind::Timeout,
        "EADDRINUSE" | "EBUSY" | "EEXIST" | "ETXTBSY" => Kind::Conflict,
        "EINTR" => Kind::Transient,
        "ECANCELED" => Kind::Cancelled,
        _ => Kind::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_kind_a_code_and_a_text() {
        let table = [
            (2, Kind::NotFound, "errno.ENOENT"),
            (13, Kind::Denied, "errno.EACCES"),
            (1, Kind::Denied, "errno.EPERM"),
            (12, Kind::Resource, "errno.ENOMEM"),
            (24, Kind::Resource, "errno.EMFILE"),
            (28, Kind::Resource, "errno.ENOSPC"),
            (11, Kind::Resource, "errno.EAGAIN"),
            (111, Kind::Unavailable, "errno.ECONNREFUSED"),
            (113, Kind::Unavailable, "errno.EHOSTUNREACH"),
            (101, Kind::Unavailable, "errno.ENETUNREACH"),
            (110, Kind::Timeout, "errno.ETIMEDOUT"),
            (98, Kind::Conflict, "errno.EADDRINUSE"),
            (22, Kind::Bug, "errno.EINVAL"),
            (4095, Kind::Bug, "errno.4095"),
        ];
        for (number, kind, code) in table {
            let error = typed_error(Errno::new(number), None);
            assert_eq!((error.kind, error.code.as_str()), (kind, code));
            assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn what_it_says_beside_it_explains_more_than_the_name() {
        let error = typed_error(Errno::new(2), Some("Failed to start up: no such map"));
        assert_eq!(error.message, "Failed to start up: no such map");
        let error = typed_error(Errno::new(2), Some(""));
        assert!(error.message.contains("No such file"), "{}", error.message);
    }
}
