//! What goes over the control socket: one message, one datagram. Integers are little-endian.
//!
//! ```text
//! Spawn   1, flags u8, token u64, arguments u32, variables u32, the number of the readiness
//!         descriptor u8 if flags has READINESS, then NUL-terminated strings: the directory if
//!         flags has DIRECTORY, the arguments, the variables. Descriptors: stdout, stderr, stdin
//!         if flags has STDIN, the line if flags has LINE, the one for readiness if flags has
//!         READINESS.
//! Forget  2, token u64, token u64, …
//! Probe   3, code u8, token u64
//! Adopt   4, pid i32, token u64. Descriptor: the child's pidfd.
//! Answer  kind u8, stage u8, 0 u16, number i32 (pid or errno), token u64
//! ```
//!
//! Both ends are the same build of the same program, so there is no version. Decoding trusts
//! nothing all the same: what does not parse ends the fork server, and the supervisor starts
//! another.

use std::ffi::CStr;

use super::spawn::{ReadinessNumber, Spawn, Stage};
use crate::{Errno, Pid};

/// The most bytes a [`Spawn`] may take on the control socket: its strings with their NULs,
/// and 18 bytes, or 19 beside a readiness descriptor.
pub const MAX_REQUEST: usize = 128 * 1024;

const SPAWN: u8 = 1;
const FORGET: u8 = 2;
const PROBE: u8 = 3;
const ADOPT: u8 = 4;

const LINE: u8 = 1;
const DIRECTORY: u8 = 2;
const READINESS: u8 = 4;
const STDIN: u8 = 8;

/// The descriptors that come with a spawn, beside standard output and standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Along {
    pub(super) stdin: bool,
    pub(super) line: bool,
    pub(super) readiness: Option<ReadinessNumber>,
}

/// From the supervisor to the fork server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Spawn(SpawnRequest<'a>),
    Forget(Tokens<'a>),
    Probe { token: u64, code: u8 },
    Adopt { token: u64, pid: Pid },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpawnRequest<'a> {
    pub(super) token: u64,
    pub(super) along: Along,
    pub(super) directory: Option<&'a CStr>,
    pub(super) arguments: Strings<'a>,
    pub(super) environment: Strings<'a>,
}

/// A row of NUL-terminated strings, already checked to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    pub(super) fn iter(self) -> impl Iterator<Item = &'a CStr> {
        self.0
            .split_inclusive(|byte| *byte == 0)
            .filter_map(|string| CStr::from_bytes_with_nul(string).ok())
    }
}

/// A row of tokens, already checked to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tokens<'a>(&'a [u8]);

impl<'a> Tokens<'a> {
    pub(super) fn iter(self) -> impl Iterator<Item = u64> + use<'a> {
        self.0.chunks_exact(8).map(|token| u64::from_le_bytes(token.try_into().expect("of 8")))
    }
}

/// Writes a spawn into `out`, which is emptied first. Returns its size, which may be more than
/// [`MAX_REQUEST`].
pub(super) fn encode_spawn(out: &mut Vec<u8>, token: u64, spawn: &Spawn, along: Along) -> usize {
    let flag = |given, flag| if given { flag } else { 0 };
    let flags = flag(along.line, LINE)
        | flag(spawn.directory.is_some(), DIRECTORY)
        | flag(along.readiness.is_some(), READINESS)
        | flag(along.stdin, STDIN);
    out.clear();
    out.extend([SPAWN, flags]);
    out.extend(token.to_le_bytes());
    for strings in [&spawn.argv, &spawn.environment] {
        // More than u32::MAX strings do not fit MAX_REQUEST either.
        out.extend(u32::try_from(strings.len()).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.extend(along.readiness.map(ReadinessNumber::to_byte));
    for string in spawn.directory.iter().chain(&spawn.argv).chain(&spawn.environment) {
        out.extend(string.to_bytes_with_nul());
    }
    out.len()
}

pub(super) fn encode_forget(out: &mut Vec<u8>, tokens: &[u64]) {
    out.clear();
    out.push(FORGET);
    out.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
}

pub(super) fn encode_probe(out: &mut Vec<u8>, token: u64, code: u8) {
    out.clear();
    out.extend([PROBE, code]);
    out.extend(token.to_le_bytes());
}

pub(super) fn encode_adopt(out: &mut Vec<u8>, token: u64, pid: Pid) {
    out.clear();
    out.push(ADOPT);
    out.extend(pid.get().to_le_bytes());
    out.extend(token.to_le_bytes());
}

/// Reads a request; `None` if the bytes are not exactly one.
pub(super) fn decode_request(bytes: &[u8]) -> Option<Request<'_>> {
    let (verb, rest) = bytes.split_first()?;
    match *verb {
        SPAWN => decode_spawn(rest).map(Request::Spawn),
        FORGET => (!rest.is_empty() && rest.len().is_multiple_of(8))
            .then_some(Request::Forget(Tokens(rest))),
        PROBE => {
            let (code, token) = rest.split_first()?;
            Some(Request::Probe { token: u64_of(token)?, code: *code })
        }
        ADOPT => {
            let (pid, token) = rest.split_at_checked(4)?;
            let pid = Pid::new(u32_of(pid)?.cast_signed())?;
            Some(Request::Adopt { token: u64_of(token)?, pid })
        }
        _ => None,
    }
}

fn decode_spawn(bytes: &[u8]) -> Option<SpawnRequest<'_>> {
    let (flags, rest) = bytes.split_first()?;
    let (token, rest) = rest.split_at_checked(8)?;
    let (arguments, rest) = rest.split_at_checked(4)?;
    let (variables, rest) = rest.split_at_checked(4)?;
    if *flags & !(LINE | DIRECTORY | READINESS | STDIN) != 0 {
        return None;
    }
    let line = *flags & LINE != 0;
    let (number, rest) = rest.split_at_checked(usize::from(*flags & READINESS != 0))?;
    let readiness = match number.first() {
        Some(number) => Some(ReadinessNumber::new(i32::from(*number), line)?),
        None => None,
    };
    let (directory, rest) = strings(rest, u32::from(*flags & DIRECTORY != 0))?;
    let (arguments, rest) = strings(rest, u32_of(arguments)?)?;
    let (environment, rest) = strings(rest, u32_of(variables)?)?;
    // A command that is there and is not empty, and nothing after the last variable.
    let command = arguments.iter().next()?;
    (rest.is_empty() && !command.is_empty()).then_some(SpawnRequest {
        token: u64_of(token)?,
        along: Along { stdin: *flags & STDIN != 0, line, readiness },
        directory: directory.iter().next(),
        arguments,
        environment,
    })
}

/// Splits `count` strings off. The work is bounded by the bytes, whatever the count says.
fn strings(bytes: &[u8], count: u32) -> Option<(Strings<'_>, &[u8])> {
    let mut end = 0;
    for _ in 0..count {
        end += bytes.get(end..)?.iter().position(|byte| *byte == 0)? + 1;
    }
    let (strings, rest) = bytes.split_at_checked(end)?;
    Some((Strings(strings), rest))
}

fn u64_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn u32_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// From the fork server to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// With the pidfd as descriptor.
    Forked {
        token: u64,
        pid: Pid,
    },
    Execed {
        token: u64,
    },
    Failed {
        token: u64,
        stage: Stage,
        errno: Errno,
    },
    LegacyClone {
        errno: Errno,
    },
    /// The fork server could not even begin, and exits.
    NotStarted {
        errno: Errno,
    },
}

pub(super) const ANSWER: usize = 16;

impl Answer {
    pub(super) fn encode(self) -> [u8; ANSWER] {
        let (kind, stage, number, token) = match self {
            Answer::Forked { token, pid } => (1, 0, pid.get(), token),
            Answer::Execed { token } => (2, 0, 0, token),
            Answer::Failed { token, stage, errno } => (3, stage.to_byte(), errno.get(), token),
            Answer::LegacyClone { errno } => (4, 0, errno.get(), 0),
            Answer::NotStarted { errno } => (5, 0, errno.get(), 0),
        };
        let mut bytes = [kind, stage, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes[4..8].copy_from_slice(&number.to_le_bytes());
        bytes[8..].copy_from_slice(&token.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Answer> {
        let bytes: &[u8; ANSWER] = bytes.try_into().ok()?;
        let number = u32_of(&bytes[4..8])?.cast_signed();
        let token = u64_of(&bytes[8..])?;
        let errno = Errno::new(number);
        match bytes[0] {
            1 => Some(Answer::Forked { token, pid: Pid::new(number)? }),
            2 => Some(Answer::Execed { token }),
            3 => Some(Answer::Failed { token, stage: Stage::from_byte(bytes[1])?, errno }),
            4 => Some(Answer::LegacyClone { errno }),
            5 => Some(Answer::NotStarted { errno }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::*;

    fn words(words: &[&str]) -> Vec<CString> {
        words.iter().map(|word| CString::new(*word).expect("no NUL")).collect()
    }

    fn sample() -> Spawn {
        Spawn {
            argv: words(&["sh", "-c", "exit 3", ""]),
            environment: words(&["PATH=/bin", "EMPTY="]),
            directory: Some(c"/tmp".into()),
        }
    }

    #[test]
    fn a_spawn_arrives_as_it_was_sent() {
        let mut bytes = Vec::new();
        let spawn = sample();
        for (stdin, line, number) in [(false, false, 5), (true, false, 5), (true, true, 3)] {
            for readiness in [None, ReadinessNumber::new(number, line)] {
                let along = Along { stdin, line, readiness };
                encode_spawn(&mut bytes, 7, &spawn, along);
                let Some(Request::Spawn(read)) = decode_request(&bytes) else {
                    panic!("not a spawn: {bytes:?}");
                };
                assert_eq!((read.token, read.along), (7, along));
                assert_eq!(read.directory, spawn.directory.as_deref());
                assert!(read.arguments.iter().eq(spawn.argv.iter().map(CString::as_c_str)));
                let environment = spawn.environment.iter().map(CString::as_c_str);
                assert!(read.environment.iter().eq(environment));
            }
        }
    }

    #[test]
    fn the_small_requests_arrive_as_they_were_sent() {
        let mut bytes = Vec::new();
        encode_probe(&mut bytes, 9, 42);
        assert_eq!(decode_request(&bytes), Some(Request::Probe { token: 9, code: 42 }));
        let pid = Pid::own();
        encode_adopt(&mut bytes, u64::MAX, pid);
        assert_eq!(decode_request(&bytes), Some(Request::Adopt { token: u64::MAX, pid }));
        encode_forget(&mut bytes, &[1, 2, u64::MAX]);
        let Some(Request::Forget(tokens)) = decode_request(&bytes) else {
            panic!("not a forget: {bytes:?}");
        };
        assert!(tokens.iter().eq([1, 2, u64::MAX]));
    }

    #[test]
    fn an_answer_arrives_as_it_was_sent() {
        let errno = Errno::new(libc::ENOENT);
        for answer in [
            Answer::Forked { token: u64::MAX, pid: Pid::new(i32::MAX).expect("positive") },
            Answer::Execed { token: 1 },
            Answer::Failed { token: 2, stage: Stage::Exec, errno },
            Answer::LegacyClone { errno },
            Answer::NotStarted { errno },
        ] {
            assert_eq!(Answer::decode(&answer.encode()), Some(answer));
        }
    }

    #[test]
    fn a_request_cut_or_continued_is_none() {
        for readiness in [None, ReadinessNumber::new(9, false)] {
            let mut bytes = Vec::new();
            encode_spawn(&mut bytes, 7, &sample(), Along { readiness, ..Along::default() });
            for length in 0..bytes.len() {
                assert_eq!(decode_request(&bytes[..length]), None, "cut to {length}");
            }
            bytes.push(0);
            assert_eq!(decode_request(&bytes), None);
        }
    }

    #[test]
    fn a_spawn_with_readiness_where_it_may_not_stand_is_none() {
        for line in [false, true] {
            let mut bytes = Vec::new();
            let along = Along { line, readiness: ReadinessNumber::new(3, line), stdin: false };
            encode_spawn(&mut bytes, 7, &sample(), along);
            for number in 0..=u8::MAX {
                // Behind verb, flags, token and the two counts.
                bytes[18] = number;
                let allowed = ReadinessNumber::new(number.into(), line).is_some();
                assert_eq!(decode_request(&bytes).is_some(), allowed, "{number}");
            }
        }
    }

    #[test]
    fn a_spawn_without_a_command_is_none() {
        for argv in [words(&[]), words(&[""]), words(&["", "x"])] {
            let mut bytes = Vec::new();
            encode_spawn(&mut bytes, 7, &Spawn { argv, ..sample() }, Along::default());
            assert_eq!(decode_request(&bytes), None);
        }
    }

    /// A law instead of examples: whatever is flipped, cut or put in, decoding ends, without a
    /// panic, and what it accepts is within the bytes.
    #[test]
    fn no_mutation_of_a_request_panics() {
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % u64::try_from(below.max(1)).expect("fits")).expect("fits")
        };
        let mut original = Vec::new();
        let along = Along { stdin: true, line: true, readiness: ReadinessNumber::new(3, true) };
        encode_spawn(&mut original, 7, &sample(), along);
        for _ in 0..200_000 {
            let mut bytes = original.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                let byte = u8::try_from(random(256)).expect("below 256");
                match random(4) {
                    0 => bytes.insert(at, byte),
                    1 => bytes.truncate(at),
                    2 => bytes.extend_from_within(at..),
                    _ if at < bytes.len() => bytes[at] = byte,
                    _ => bytes.push(byte),
                }
            }
            if let Some(Request::Spawn(spawn)) = decode_request(&bytes) {
                let strings = spawn.arguments.iter().chain(spawn.environment.iter());
                let total: usize = strings.map(|string| string.to_bytes_with_nul().len()).sum();
                assert!(total <= bytes.len());
            }
            let _ = Answer::decode(&bytes[..bytes.len().min(ANSWER)]);
        }
    }
}
