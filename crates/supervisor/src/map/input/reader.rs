//! The thread that reads inputs: standard input may make it wait for ever.

use super::cut::{Cut, CutError, Cutter};
use super::{Form, Source, Unfit, json_value, text};
use crate::map::joblog::{Past, Resume, Step};
use crate::map::key::{Key, Keys};
use crate::map::window::Window;
use hearken_proto::Raw;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::thread;
use tokio::sync::mpsc;

/// How much is read at once.
const ROOM: usize = 64 * 1024;
/// How many inputs are skipped before that is told.
const SKIPPED_AT_ONCE: u64 = 1000;

/// An input, as the reader hands it on.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::map) struct Taken {
    /// The how-manieth it is, from 1: those that are skipped count, too.
    pub(in crate::map) index: u64,
    /// What a worker is given.
    pub(in crate::map) payload: Result<Raw, Unfit>,
    /// What the job log knows it by, if there is one.
    pub(in crate::map) key: Option<Key>,
    /// It failed in an earlier run.
    pub(in crate::map) again: bool,
    /// What it takes of the window, in bytes.
    pub(in crate::map) cost: usize,
}

/// What the reader has to say.
#[derive(Debug)]
pub(in crate::map) enum Fed {
    /// The next input.
    Input(Taken),
    /// An earlier run did the next so many inputs.
    Skipped(u64),
    /// There are no more.
    End,
    /// There may be more, but nobody can read them.
    Failed(CutError),
}

/// Reads inputs.
#[derive(Debug)]
pub(in crate::map) struct Reader {
    /// How they are cut.
    pub(in crate::map) form: Form,
    /// How long one may be, in bytes.
    pub(in crate::map) limit: usize,
    /// Makes their keys, if there is a job log.
    pub(in crate::map) keys: Option<Keys>,
    /// What earlier runs did, and what of it is left out.
    pub(in crate::map) past: Option<(Past, Resume)>,
    /// What is under way.
    pub(in crate::map) window: Arc<Window>,
}

/// Where inputs come from, opened.
#[derive(Debug)]
pub(in crate::map) enum Opened {
    Stream(Stream),
    Arguments(Vec<Vec<u8>>),
}

#[derive(Debug)]
pub(in crate::map) enum Stream {
    Stdin,
    File(File),
}

impl Source {
    /// Opens it.
    ///
    /// # Errors
    /// If it is a file that cannot be opened.
    pub(in crate::map) fn open(self) -> std::io::Result<Opened> {
        Ok(match self {
            Self::Stdin => Opened::Stream(Stream::Stdin),
            Self::File(path) => Opened::Stream(Stream::File(File::open(path)?)),
            Self::Arguments(arguments) => Opened::Arguments(arguments),
        })
    }
}

impl Reader {
    /// Starts the thread. It ends with the inputs, or when nobody takes them any more; a thread that
    /// waits for standard input ends with the process.
    ///
    /// # Errors
    /// If the kernel refuses a thread.
    pub(in crate::map) fn start(
        self,
        source: Opened,
        to: mpsc::UnboundedSender<Fed>,
    ) -> std::io::Result<()> {
        thread::Builder::new()
            .name("hearken-input".into())
            .spawn(move || match source {
                Opened::Arguments(arguments) => {
                    let form = self.form;
                    self.feed(arguments.into_iter().map(|it| Ok(argument(it, form))), &to);
                }
                Opened::Stream(Stream::Stdin) => {
                    // Not its lock: a second reader of this process there is none.
                    self.feed_from(BufReader::with_capacity(ROOM, std::io::stdin()), &to);
                }
                Opened::Stream(Stream::File(file)) => {
                    self.feed_from(BufReader::with_capacity(ROOM, file), &to);
                }
            })
            .map(drop)
    }

    fn feed_from(self, from: impl BufRead, to: &mpsc::UnboundedSender<Fed>) {
        let mut cutter = Cutter::new(from, self.form, self.limit);
        let mut failed = false;
        // After a failure the stream is over, whatever it still gives.
        let cuts = std::iter::from_fn(|| {
            let cut = if failed { None } else { cutter.next().transpose() };
            failed |= matches!(cut, Some(Err(_)));
            cut
        });
        self.feed(cuts, to);
    }

    fn feed(
        mut self,
        cuts: impl Iterator<Item = Result<Cut, CutError>>,
        to: &mpsc::UnboundedSender<Fed>,
    ) {
        let (mut last, mut skipped) = (Fed::End, 0);
        // Whoever takes nothing any more wants no more inputs, here and below.
        let tell_skipped = |skipped: &mut u64| {
            if *skipped > 0 {
                let _gone = to.send(Fed::Skipped(std::mem::take(skipped)));
            }
        };
        for (index, cut) in (1..).zip(cuts) {
            let taken = match cut {
                Ok(cut) => self.take(index, cut),
                Err(error) => {
                    last = Fed::Failed(error);
                    break;
                }
            };
            let Some(taken) = taken else {
                skipped += 1;
                if skipped == SKIPPED_AT_ONCE {
                    tell_skipped(&mut skipped);
                }
                continue;
            };
            tell_skipped(&mut skipped);
            // The window bounds what lies in this channel.
            if !self.window.open(taken.cost) || to.send(Fed::Input(taken)).is_err() {
                return;
            }
        }
        tell_skipped(&mut skipped);
        let _gone = to.send(last);
    }

    /// The next input as it is handed on; nothing if an earlier run did it.
    fn take(&mut self, index: u64, mut cut: Cut) -> Option<Taken> {
        // JSON may be shorter than the message it makes.
        if cut.payload.as_ref().is_ok_and(|payload| payload.as_msgpack().len() > self.limit) {
            cut.payload = Err(Unfit::TooLong { limit: self.limit });
        }
        // What no worker can be given is not logged: it fails again, at no cost.
        // And what it is given names the rest: `5` as a text and as a number are two inputs.
        let given = cut.payload.as_ref().ok();
        let key = self.keys.as_ref().zip(given).map(|(keys, it)| keys.key(it.as_msgpack()));
        let step = match (&mut self.past, key) {
            (Some((past, resume)), Some(key)) => past.step(key, *resume),
            (Some(_) | None, _) => Step::Run { again: false },
        };
        match step {
            Step::Skip => None,
            Step::Run { again } => {
                let Cut { content, payload } = cut;
                Some(Taken { index, payload, key, again, cost: content.len() })
            }
        }
    }
}

/// An input of the command line: what it is, no file tells, and so it is text unless somebody says
/// otherwise.
fn argument(content: Vec<u8>, form: Form) -> Cut {
    let payload = match form {
        Form::Auto | Form::Lines | Form::Nul => Ok(text(&content)),
        Form::Ndjson | Form::Json => json_value(&content),
    };
    Cut { payload, content }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(form: Form) -> Reader {
        Reader { form, limit: 100, keys: None, past: None, window: Window::new(1).into() }
    }

    /// What a reader says of these bytes.
    fn fed(reader: Reader, bytes: &'static [u8]) -> Vec<Fed> {
        let (to, mut from) = mpsc::unbounded_channel();
        reader.feed_from(bytes, &to);
        drop(to);
        std::iter::from_fn(|| from.blocking_recv()).collect()
    }

    fn keys() -> Keys {
        Keys::of([])
    }

    #[test]
    fn inputs_are_numbered_from_one_and_have_an_end() {
        let fed = fed(reader(Form::Lines), b"a\nb");
        let index = |fed: &Fed| match fed {
            Fed::Input(taken) => taken.index,
            Fed::Skipped(_) | Fed::End | Fed::Failed(_) => 0,
        };
        assert_eq!(fed.iter().map(index).collect::<Vec<_>>(), [1, 2, 0]);
        assert!(matches!(fed.last(), Some(Fed::End)));
    }

    #[test]
    fn inputs_of_the_command_line_are_texts_unless_they_are_said_to_be_json() {
        let payload = |content: &str, form| argument(content.as_bytes().to_vec(), form).payload;
        for form in [Form::Auto, Form::Lines, Form::Nul] {
            assert_eq!(payload("[1]", form), Ok(Raw::string("[1]")));
        }
        for form in [Form::Ndjson, Form::Json] {
            assert_eq!(payload("[1]", form), json_value(b"[1]"));
            assert!(matches!(payload("one", form), Err(Unfit::NotJson(_))));
        }
    }

    #[test]
    fn a_stream_that_breaks_off_says_so_instead_of_ending() {
        let fed = fed(reader(Form::Json), b"[1, 2");
        assert!(matches!(fed.last(), Some(Fed::Failed(CutError::NoJson(5)))), "{fed:?}");
    }

    #[test]
    fn the_key_of_an_input_is_that_of_what_is_given_and_not_of_how_it_is_written() {
        let key = |form, bytes: &'static [u8]| {
            let fed = fed(Reader { keys: Some(keys()), ..reader(form) }, bytes);
            let Some(Fed::Input(taken)) = fed.into_iter().next() else { panic!("an input") };
            taken.key
        };
        assert_eq!(key(Form::Ndjson, b"{ \"a\": 1 }\n"), key(Form::Json, b"{\"a\":1}"));
        assert_ne!(key(Form::Ndjson, b"5\n"), key(Form::Lines, b"5\n"));
        assert_eq!(key(Form::Lines, b"5\n"), key(Form::Nul, b"5\0"));
    }

    #[test]
    fn what_was_done_is_skipped_by_its_content_wherever_it_stands_now() {
        let log = tempfile::tempdir().unwrap();
        let path = log.path().join("log");
        let (mut written, _) =
            crate::map::joblog::JobLog::open(&path, crate::map::joblog::Opening::New).unwrap();
        let done = crate::map::finished::Finished {
            key: Some(keys().key(text(b"b").as_msgpack())),
            ..crate::map::finished::testing::ok(1)
        };
        written.append(&[crate::map::joblog::Record::of(&done).unwrap()]).unwrap();
        drop(written);
        let (_, found) =
            crate::map::joblog::JobLog::open(&path, crate::map::joblog::Opening::Resumed).unwrap();
        let past = Some((found.past, Resume::Ended));
        let fed = fed(Reader { keys: Some(keys()), past, ..reader(Form::Lines) }, b"a\nb\nb\n");
        assert!(matches!(&fed[0], Fed::Input(Taken { index: 1, again: false, .. })), "{fed:?}");
        assert!(matches!(&fed[1], Fed::Skipped(1)), "{fed:?}");
        assert!(matches!(&fed[2], Fed::Input(Taken { index: 3, again: false, .. })), "{fed:?}");
    }

    #[test]
    fn what_no_worker_can_be_given_has_no_key() {
        let fed = fed(Reader { keys: Some(keys()), ..reader(Form::Ndjson) }, b"{\n1\n");
        assert!(matches!(&fed[0], Fed::Input(Taken { key: None, payload: Err(_), .. })), "{fed:?}");
        assert!(matches!(&fed[1], Fed::Input(Taken { key: Some(_), .. })), "{fed:?}");
    }

    #[test]
    fn a_reader_ends_when_nobody_listens() {
        let (to, from) = mpsc::unbounded_channel();
        drop(from);
        reader(Form::Lines).feed_from(&b"a\nb\nc\n"[..], &to);
    }
}
