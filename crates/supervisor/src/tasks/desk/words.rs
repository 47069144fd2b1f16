//! What workers say about their tasks.

use super::{Desk, ONLY, hand};
use crate::child::TaskWord;
use crate::convert;
use crate::tasks::client::Told;
use crate::tasks::error::TaskError;
use crate::tasks::hand::{Trouble, spool};
use crate::tasks::keeper::Ticket;
use crate::tasks::result;
use crate::tasks::watchers::Watchers;
use crate::tasks::when::When;
use bytes::Bytes;
use hearken_core::evidence::{StopCause, TypedError};
use hearken_core::identity::Token;
use hearken_core::kind::Kind;
use hearken_core::moment::Moment;
use hearken_core::pool::{self, Event};
use hearken_proto::{self as proto, ErrorMessage, Raw};
use hearken_store::Command;
use std::sync::Arc;
use std::time::Duration;

/// How many tasks a worker may take at once, whatever it says.
const CREDITS_MAX: u16 = 1024;

impl Desk {
    /// A worker said something about tasks.
    pub(in crate::tasks) fn word(
        &mut self,
        when: When,
        token: Token,
        word: TaskWord,
        ears: &mut Watchers,
    ) {
        let now = when.now;
        match word {
            TaskWord::Ready(credits) => {
                self.tell(now, Event::Ready(token, u32::from(credits.min(CREDITS_MAX))));
            }
            TaskWord::Draining => self.tell(now, Event::Draining(token)),
            TaskWord::Memory(bytes) => self.tell(now, Event::Memory(token, bytes)),
            TaskWord::Accepted(handle) => {
                self.began(now, token, handle.0, ears);
                self.tell(now, Event::Accepted(token, pool::Handle(handle.0)));
            }
            TaskWord::Progress(handle, progress) => {
                let Some(hand) = hand(&mut self.hands, &self.held, token, handle.0) else { return };
                let json: Arc<str> = progress_json(&progress).into();
                hand.progress = Some(Arc::clone(&json));
                let task = hand.task;
                if ears.wants(&self.name, task) {
                    ears.tell(&self.name, task, &Told::Progress { task, progress: json });
                }
            }
            TaskWord::Log(handle, log) => {
                if let Some(hand) = hand(&mut self.hands, &self.held, token, handle.0) {
                    hand.logs.push(log.level.name(), log.message.as_str());
                }
            }
            TaskWord::Chunk(chunk) => {
                let Some(hand) = hand(&mut self.hands, &self.held, token, chunk.handle.0) else {
                    return;
                };
                let (task, lease, commands) = (hand.task, hand.lease, &mut self.commands);
                hand.result.chunk(&chunk, |sequence, piece| {
                    commands.push_back((Ticket::Spooled, spool(task, lease, sequence, piece)));
                });
            }
            TaskWord::Checkpoint(it) => self.checkpoint(token, *it),
            TaskWord::Done(result) => self.done(when, token, *result),
            TaskWord::Failed(handle, error) => self.failed(when, token, handle.0, &error),
            TaskWord::Snoozed(snooze) => {
                let delay = Duration::from_millis(snooze.delay_ms);
                if let Some(hand) = hand(&mut self.hands, &self.held, token, snooze.handle.0) {
                    hand.logs.push("info", &format!("snooze: {}", snooze.reason.as_str()));
                }
                let handle = pool::Handle(snooze.handle.0);
                self.tell(now, Event::Snoozed(token, handle, delay));
            }
        }
    }

    pub(super) fn began(&mut self, now: Moment, token: Token, handle: u32, ears: &mut Watchers) {
        let Some(hand) = hand(&mut self.hands, &self.held, token, handle) else { return };
        hand.began.get_or_insert(now);
        let (task, attempt) = (hand.task, hand.attempt);
        if ears.wants(&self.name, task) {
            ears.tell(&self.name, task, &Told::Started { task, attempt });
        }
    }

    pub(super) fn checkpoint(&mut self, token: Token, it: proto::Checkpoint) {
        let Some(hand) = hand(&mut self.hands, &self.held, token, it.handle.0) else { return };
        let (id, lease, sequence) = (hand.task, hand.lease, it.sequence);
        let command = Command::Checkpoint { id, lease, sequence, data: it.data.into() };
        self.commands.push_back((Ticket::Checkpoint(token, it.handle.0), command));
    }

    pub(super) fn done(&mut self, when: When, token: Token, result: proto::TaskResult) {
        let handle = result.handle.0;
        let exec = self.is_exec();
        let Some(hand) = hand(&mut self.hands, &self.held, token, handle) else { return };
        let assembly = &mut hand.result;
        let whole = match result.chunks {
            None | Some(0) => assembly.has(0) || exec,
            Some(chunks) => assembly.has(chunks) && result.data.is_none(),
        };
        let in_pieces = result.chunks.is_some_and(|chunks| chunks > 0);
        let content_type = result
            .content_type
            .map(Into::into)
            .or_else(|| in_pieces.then(|| Arc::from("application/octet-stream")));
        (assembly.value, assembly.content_type) =
            result::plain(result.data.map(Raw::into_msgpack), content_type);
        assembly.summary = result.summary.map(Raw::into_msgpack);
        let trouble = assembly.trouble.or((!whole).then_some(Trouble::OutOfOrder));
        let trouble = trouble.or_else(|| assembly.misfit());
        if let Some(trouble) = trouble {
            let error = result::refused(trouble, self.max_result);
            return self.failed(when, token, handle, &error);
        }
        self.tell(when.now, Event::Done(token, pool::Handle(handle)));
    }

    pub(super) fn failed(&mut self, when: When, token: Token, handle: u32, error: &ErrorMessage) {
        let dependency: Option<Arc<str>> =
            error.dependency.as_deref().map(|name| convert::name(name).into());
        if let Some(hand) = hand(&mut self.hands, &self.held, token, handle) {
            hand.error = Some(TaskError::said(error));
            hand.dependency.clone_from(&dependency);
        }
        let typed = convert::typed_error(error);
        self.tell(when.now, Event::Failed(token, pool::Handle(handle), typed, dependency));
    }

    /// A worker broke the protocol: whoever asks for its tasks later wants to hear how, and not by
    /// which signal it was ended for that.
    pub(in crate::tasks) fn violated(&mut self, token: Token, reason: &str) {
        let error = TaskError::found(&TypedError {
            kind: Kind::Protocol,
            code: StopCause::Violation.as_str().into(),
            message: reason.to_owned(),
            retryable: None,
            retry_after: None,
            scope: None,
        });
        for (_, lease) in self.held.iter().filter(|((of, _), _)| *of == token) {
            if let Some(hand) = self.hands.get_mut(lease) {
                hand.error = Some(error.clone());
            }
        }
    }

    /// The task of this process cannot be handed to its program.
    pub(in crate::tasks) fn unfit(&mut self, when: When, token: Token, why: &TypedError) {
        self.tell(when.now, Event::Failed(token, pool::Handle(ONLY), why.clone(), None));
    }

    /// An error that the process of an exec task said; its exit has the last word.
    pub(in crate::tasks) fn exec_said(&mut self, token: Token, error: &ErrorMessage) {
        if let Some(hand) = hand(&mut self.hands, &self.held, token, ONLY) {
            hand.error = Some(TaskError::said(error));
            hand.dependency = error.dependency.as_deref().map(|name| convert::name(name).into());
        }
    }

    /// What the process of an exec task wrote to its standard output. Answers whether it may go on.
    pub(crate) fn output(&mut self, token: Token, bytes: &Bytes) -> bool {
        let Some(hand) = hand(&mut self.hands, &self.held, token, ONLY) else { return true };
        let (task, lease, commands) = (hand.task, hand.lease, &mut self.commands);
        hand.result.push(bytes, |sequence, piece| {
            commands.push_back((Ticket::Spooled, spool(task, lease, sequence, piece)));
        });
        hand.result.trouble.is_none()
    }

    /// All that the process of an exec task wrote to its standard output has come.
    pub(crate) fn output_whole(&mut self, token: Token) {
        if let Some(hand) = hand(&mut self.hands, &self.held, token, ONLY) {
            hand.result.whole = true;
        }
    }

    /// The last lines that a process wrote to its standard error stand with whatever it held.
    pub(in crate::tasks) fn last_words(&mut self, slot: u32, lines: &[Box<str>]) {
        for hand in self.hands.values_mut().filter(|hand| hand.slot == slot) {
            for line in lines {
                hand.logs.push("stderr", line);
            }
        }
    }
}

/// Progress as `task show` has it.
fn progress_json(progress: &proto::Progress) -> String {
    let mut map = serde_json::Map::new();
    let mut put = |key: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("done", progress.done.map(Into::into));
    put("total", progress.total.map(Into::into));
    put("unit", progress.unit.as_deref().map(|it| convert::name(it).into()));
    put("stage", progress.stage.as_deref().map(|it| convert::name(it).into()));
    put("message", progress.message.as_ref().map(|it| it.as_str().into()));
    serde_json::Value::Object(map).to_string()
}
