//! What it says.

use crate::Flaw;
use bytes::{BufMut as _, BytesMut};
use hearken_proto::{
    Accepted, Chunk, ErrorKind, ErrorMessage, Exiting, FromChild, Handle, Heartbeat, Hello, Intent,
    MAX_CHUNK, ProtocolRange, Raw, Ready, Status, TaskResult, encode_frame,
};
use std::io::Write as _;
use std::os::unix::net::UnixStream;

/// An error of kind `crashed` about handle 1, which the encoder would not write.
const SUPERVISOR_ONLY: &[u8] =
    b"\x92\x08\x84\xa6handle\x01\xa4kind\xa7crashed\xa4code\xa1x\xa7message\xa1x";

/// How much room the head of a chunk's frame needs, generously.
const CHUNK_HEAD: usize = 256;

/// How many bytes the task `large` gives.
const LARGE: usize = 1536 * 1024;

/// The mouth: what is said is collected, and written at once.
pub(crate) struct Mouth {
    flaw: Flaw,
    line: UnixStream,
    out: BytesMut,
    beats: u64,
}

impl Mouth {
    pub(crate) fn new(flaw: Flaw, line: UnixStream) -> Mouth {
        Mouth { flaw, line, out: BytesMut::new(), beats: 0 }
    }

    /// Writes what was collected. Nobody to read it is no failure here.
    pub(crate) fn flush(&mut self) {
        let _nobody_reads = self.line.write_all(&self.out);
        self.out.clear();
    }

    fn say(&mut self, message: &FromChild) {
        encode_frame(message, &mut self.out).expect("a message that fits");
    }

    pub(crate) fn hello(&mut self) {
        if self.flaw.is("mute") {
            return;
        }
        if self.flaw.is("no-hello") {
            return self.ready();
        }
        let (min, max) = if self.flaw.is("wrong-version") { (2, 3) } else { (1, 1) };
        let sdk = if self.flaw.is("empty-sdk") { "" } else { "hearken-flawed/1" };
        let known = if self.flaw.is("other-types") { "sing" } else { "echo" };
        self.say(&FromChild::Hello(Hello {
            protocol: ProtocolRange::new(min, max).expect("a range"),
            sdk: sdk.to_owned(),
            language: "rust".to_owned(),
            pid: std::process::id(),
            build: None,
            task_types: Some([known, "fail", "slow", "large"].map(str::to_owned).to_vec()),
        }));
    }

    pub(crate) fn ready(&mut self) {
        if self.flaw.is("never-ready") {
            return;
        }
        while self.flaw.is("never-falls-silent") {
            let text = "still not ready".into();
            self.say(&FromChild::Status(Status { text }));
            self.flush();
        }
        let credits = if self.flaw.is("no-credits") { 0 } else { 2 };
        self.say(&FromChild::Ready(Ready { credits }));
    }

    pub(crate) fn accepted(&mut self, handle: Handle) {
        let times = match () {
            () if self.flaw.is("never-accepts") => 0,
            () if self.flaw.is("accepts-twice") => 2,
            () => 1,
        };
        for _ in 0..times {
            self.say(&FromChild::Accepted(Accepted { handle }));
        }
    }

    pub(crate) fn heartbeat(&mut self, busy: Vec<Handle>) {
        if self.flaw.is("no-heartbeat") || (self.flaw.is("silent-while-busy") && !busy.is_empty()) {
            return;
        }
        self.beats += 1;
        self.beat(self.beats, busy);
    }

    pub(crate) fn pong(&mut self, sequence: u64, busy: Vec<Handle>) {
        match () {
            () if self.flaw.is("no-pong") => {}
            () if self.flaw.is("short-pong") => self.beat(sequence & 0xffff_ffff, busy),
            () => self.beat(sequence, busy),
        }
    }

    fn beat(&mut self, sequence: u64, busy: Vec<Handle>) {
        let busy = if self.flaw.is("forgets-busy") { Vec::new() } else { busy };
        self.say(&FromChild::Heartbeat(Heartbeat { sequence, busy: Some(busy), memory: None }));
    }

    pub(crate) fn result(&mut self, handle: Handle, data: Option<Raw>, chunks: Option<u32>) {
        if self.flaw.is("no-result") {
            return;
        }
        let handle = if self.flaw.is("wrong-handle") { Handle(handle.0 + 1) } else { handle };
        let chunks = chunks.filter(|_| !self.flaw.is("uncounted-chunks"));
        let result = TaskResult { handle, data, content_type: None, chunks, summary: None };
        for _ in 0..if self.flaw.is("two-results") { 2 } else { 1 } {
            self.say(&FromChild::Result(result.clone()));
        }
    }

    pub(crate) fn large(&mut self, handle: Handle, max_frame: usize) {
        let most =
            if self.flaw.is("ignores-max-frame") { MAX_CHUNK } else { max_frame - CHUNK_HEAD };
        let bytes = vec![b'x'; LARGE];
        let mut pieces: Vec<_> = bytes.chunks(most.min(MAX_CHUNK)).zip(0..).collect();
        let count = u32::try_from(pieces.len()).expect("a few");
        if self.flaw.is("unordered-chunks") {
            pieces.reverse();
        }
        for (data, sequence) in pieces {
            let last = sequence + 1 == count && !self.flaw.is("no-last-chunk");
            self.say(&FromChild::Chunk(Chunk { handle, sequence, data: data.to_vec(), last }));
        }
        if self.flaw.is("long-chunk") {
            // The encoder would not write it.
            let head = [&b"\x92\x06\x84\xa6handle\xce"[..], &handle.0.to_be_bytes()].concat();
            let length = u32::try_from(MAX_CHUNK + 1).expect("small").to_be_bytes();
            let data = [&b"\xa4last\xc2\xa8sequence\x63\xa4data\xc6"[..], &length].concat();
            self.raw(&[head, data, vec![0; MAX_CHUNK + 1]].concat());
        }
        self.result(handle, None, Some(count));
    }

    pub(crate) fn failed(&mut self, handle: Handle) {
        if self.flaw.is("supervisor-kind") {
            return self.raw(SUPERVISOR_ONLY);
        }
        let code = if self.flaw.is("empty-code") { "" } else { "flawed.failed" };
        self.error(handle, ErrorKind::Invalid, code);
    }

    pub(crate) fn error(&mut self, handle: Handle, kind: ErrorKind, code: &str) {
        let mut error = ErrorMessage::new(kind, code, "a task of the test");
        error.handle = Some(handle);
        self.say(&FromChild::Error(Box::new(error)));
    }

    pub(crate) fn exiting(&mut self) {
        if !self.flaw.is("no-farewell") {
            self.say(&FromChild::Exiting(Exiting { intent: Intent::Done, reason: None }));
        }
    }

    fn raw(&mut self, body: &[u8]) {
        self.out.put_u32(u32::try_from(body.len()).expect("small"));
        self.out.put_slice(body);
    }
}
