//! The other end of the line.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::BytesMut;
use hearken_proto::{
    Ack, Acked, FrameReader, Handle, Heard, Hello, MAX_FRAME, Mode, Raw, Session, Task, TaskResult,
    ToChild, Welcome, decode_frame, encode_frame,
};
use hearken_worker::{ErrorMessage, LineError, Tasks};

/// Longer than anything takes on a busy machine; nothing waits for it but a failing test.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Hears through the real session, so that whatever is out of turn fails the test.
pub(crate) struct Supervisor {
    pub(crate) line: UnixStream,
    reader: FrameReader,
    session: Session,
    out: BytesMut,
    holds_back: bool,
}

impl Supervisor {
    pub(crate) fn pair() -> (Self, UnixStream) {
        let (child, line) = UnixStream::pair().unwrap();
        line.set_read_timeout(Some(LONG)).unwrap();
        let reader = FrameReader::new(MAX_FRAME);
        let session = Session::new(Mode::default(), MAX_FRAME);
        (Supervisor { line, reader, session, out: BytesMut::new(), holds_back: false }, child)
    }

    pub(crate) fn say(&mut self, message: &ToChild) {
        encode_frame(message, &mut self.out).unwrap();
        if !self.holds_back {
            self.line.write_all(&self.out.split()).unwrap();
        }
    }

    /// Whatever is said meanwhile goes out in one write.
    pub(crate) fn together(&mut self, say: impl FnOnce(&mut Self)) {
        self.holds_back = true;
        say(self);
        self.holds_back = false;
        self.line.write_all(&self.out.split()).unwrap();
    }

    pub(crate) fn body(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(body) = self.reader.pop().unwrap() {
                return Some(body.to_vec());
            }
            let mut buffer = [0; 1000];
            match self.line.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => self.reader.push(&buffer[..length]),
                // A read with a timeout is not taken up again when the process was stopped meanwhile.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn hear(&mut self) -> Heard {
        let body = self.body().expect("the line is open");
        self.session.receive(decode_frame(&body).unwrap()).unwrap()
    }

    pub(crate) fn hello(&mut self) -> Hello {
        let Heard::Hello { hello, .. } = self.hear() else { panic!("no hello") };
        hello
    }

    pub(crate) fn welcome(&mut self, max_frame: u32, heartbeat_ms: Option<u32>) {
        self.say(&ToChild::Welcome(Welcome {
            protocol: 1,
            unit: "api".to_owned(),
            instance: 2,
            incarnation: 1,
            max_frame,
            heartbeat_ms,
            config: Some(Raw::from_value(&BTreeMap::from([("greeting", "hi")])).unwrap()),
        }));
    }

    /// Hands out a task of this handle, with whatever `change` makes of it.
    pub(crate) fn task(&mut self, handle: u32, change: impl FnOnce(&mut Task)) {
        let mut task = Task {
            handle: Handle(handle),
            id: format!("task-{handle}"),
            task_type: None,
            attempt: 1,
            crashes: 0,
            payload: Raw::nil(),
            content_type: None,
            soft_ms: None,
            hard_ms: None,
            key: None,
            headers: None,
            traceparent: None,
            checkpoint: None,
            last_error: None,
            batch: None,
        };
        change(&mut task);
        self.session.open(task.handle);
        self.say(&ToChild::Task(Box::new(task)));
    }

    /// A task for the handler of this type.
    pub(crate) fn typed(&mut self, handle: u32, task_type: &str) {
        self.task(handle, |task| task.task_type = Some(task_type.to_owned()));
    }

    pub(crate) fn ack(&mut self, handle: u32, of: Acked) {
        self.say(&ToChild::Ack(Ack { handle: Handle(handle), of }));
    }

    #[track_caller]
    pub(crate) fn accepted(&mut self, handle: u32) {
        let heard = self.hear();
        let Heard::Accepted(accepted) = heard else { panic!("{heard:?}") };
        assert_eq!(accepted.handle, Handle(handle));
    }

    #[track_caller]
    pub(crate) fn result(&mut self, handle: u32) -> TaskResult {
        let heard = self.hear();
        let Heard::Result(result) = heard else { panic!("{heard:?}") };
        assert_eq!(result.handle, Handle(handle));
        result
    }

    #[track_caller]
    pub(crate) fn error(&mut self, handle: u32) -> ErrorMessage {
        let heard = self.hear();
        let Heard::Error(error) = heard else { panic!("{heard:?}") };
        assert_eq!(error.handle, Some(Handle(handle)));
        *error
    }

    #[track_caller]
    pub(crate) fn snoozed(&mut self, handle: u32) -> String {
        let heard = self.hear();
        let Heard::Snooze(snooze) = heard else { panic!("{heard:?}") };
        assert_eq!(snooze.handle, Handle(handle));
        snooze.reason.into_string()
    }
}

/// A worker on a thread of its own, and how it ended.
pub(crate) type Ended = JoinHandle<Result<(), LineError>>;

/// Starts a worker of tasks and hears it up to its `ready`, with the given limit of a frame.
pub(crate) fn serving(
    max_frame: u32,
    heartbeat_ms: Option<u32>,
    tasks: impl FnOnce() -> Tasks + Send + 'static,
) -> (Supervisor, Ended) {
    let (mut supervisor, child) = Supervisor::pair();
    let worker = std::thread::spawn(move || tasks().serve_over(child));
    supervisor.hello();
    assert!(matches!(supervisor.hear(), Heard::Ready(_)));
    supervisor.welcome(max_frame, heartbeat_ms);
    (supervisor, worker)
}

/// The body of a golden frame, in hex.
pub(crate) fn golden(file: &str, about: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/vectors").join(file);
    let vector: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = vector["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["about"] == about).expect("the case is there");
    case["frame"].as_str().unwrap()[8..].to_owned()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
