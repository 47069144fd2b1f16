//! The loop of a run, in the runtime beside the supervisor: hears, hands over to the course, does
//! what it says.

use super::course::{Action, Course, EndedBy, Event, Loss};
use super::finished::Finished;
use super::input::Fed;
use super::progress::Board;
use super::tally::Tally;
use super::window::Window;
use crate::local::POOL;
use crate::tasks::{Client, Ears, Refused, Submission, Watch};
use bytes::{Bytes, BytesMut};
use hearken_core::task::TaskId;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

/// How many inputs are handed over at once.
const BATCH: usize = 1000;
/// When a first worker should be ready.
const READY: Duration = Duration::from_secs(5);
/// How many words of the pool may lie unread before it tells of ends only.
const WORDS: usize = 16 * 1024;

/// What a run hears and speaks to.
#[derive(Debug)]
pub(super) struct Ends {
    /// What the reader has.
    pub(super) fed: UnboundedReceiver<Fed>,
    /// What the writer could not write.
    pub(super) losses: UnboundedReceiver<Loss>,
    /// What is to be written.
    pub(super) write: Sender<Box<Finished>>,
    /// What is under way.
    pub(super) window: Arc<Window>,
    /// Where people see how it stands.
    pub(super) board: Arc<Board>,
}

/// The signals that ask for the end.
#[derive(Debug)]
struct Signals([Signal; 3]);

impl Signals {
    fn open() -> io::Result<Self> {
        let open = |kind| signal(kind);
        Ok(Self([
            open(SignalKind::interrupt())?,
            open(SignalKind::terminate())?,
            open(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }
}

/// Drives a run to its end. Then the supervisor is on its way down.
pub(super) async fn drive(mut course: Course, client: Client, mut ends: Ends) -> (EndedBy, Tally) {
    let heard = client.watch(Watch::Pool(POOL.into()), WORDS).await;
    let (Ok(mut ears), Ok(mut signals)) = (heard, Signals::open()) else {
        course.handle(SystemTime::now(), Event::Gone);
        ends.perform(&mut course, &client, Vec::new()).await;
        client.shut_down().await;
        return course.finish();
    };
    let mut ready = pin!(tokio::time::sleep(READY));
    let mut waits = true;
    while !course.is_over() {
        let events = tokio::select! {
            events = ends.next(&mut ears, &mut signals) => events,
            () = &mut ready, if waits => {
                waits = false;
                vec![Event::Waited]
            }
        };
        ends.perform(&mut course, &client, events).await;
    }
    ends.window.close();
    // Nothing more is written: the writer may end while the supervisor goes.
    drop(ends);
    see_off(&client, ears, signals).await;
    course.finish()
}

/// Waits until the supervisor is gone. Who asks once more is not kept waiting.
async fn see_off(client: &Client, mut ears: Ears, mut signals: Signals) {
    loop {
        tokio::select! {
            told = ears.hear() => if told.is_none() { return },
            () = signals.next() => client.shut_down().await,
        }
    }
}

impl Ends {
    /// What happened, and what of the same sort is there already: many small inputs cost few rounds.
    async fn next(&mut self, ears: &mut Ears, signals: &mut Signals) -> Vec<Event> {
        tokio::select! {
            biased;
            () = signals.next() => vec![Event::Asked],
            Some(loss) = self.losses.recv() => vec![Event::Lost(loss)],
            told = ears.hear() => {
                let Some(told) = told else { return vec![Event::Gone] };
                let mut events = vec![Event::Told(told)];
                while let Some(told) = ears.heard() {
                    events.push(Event::Told(told));
                }
                events
            }
            Some(fed) = self.fed.recv() => {
                let mut events = vec![Event::Fed(fed)];
                while events.len() < BATCH && let Ok(fed) = self.fed.try_recv() {
                    events.push(Event::Fed(fed));
                }
                events
            }
        }
    }

    /// Hands these to the course, and does all that follows.
    async fn perform(&mut self, course: &mut Course, client: &Client, events: Vec<Event>) {
        for event in events {
            course.handle(SystemTime::now(), event);
        }
        let mut forgotten = Vec::new();
        loop {
            while let Some(action) = course.poll_action() {
                if let Some(event) = self.act(action, client, &mut forgotten).await {
                    course.handle(SystemTime::now(), event);
                }
            }
            let tasks = course.submission(BATCH);
            if tasks.is_empty() {
                break;
            }
            let ids = tasks.iter().filter_map(|task| task.id).collect();
            if let Err(refused) = submit(client, tasks).await {
                course.handle(SystemTime::now(), Event::Refused(ids, refused.to_string()));
            }
        }
        if !forgotten.is_empty() {
            // A supervisor that is gone has forgotten everything.
            let _gone = client.forget(POOL.into(), forgotten).await;
        }
        self.board.set(course.standing());
    }

    /// Does one thing; gives what came of it.
    async fn act(
        &mut self,
        action: Action,
        client: &Client,
        forgotten: &mut Vec<TaskId>,
    ) -> Option<Event> {
        match action {
            Action::Fetch(task) => return Some(Event::Fetched(task, fetch(client, task).await)),
            Action::Forget(task) => forgotten.push(task),
            Action::Hold(bytes) => self.window.grow(bytes),
            // A writer that is gone has told of its loss.
            Action::Write(finished) => drop(self.write.send(finished)),
            // One that has just ended needs nobody to take it back.
            Action::Cancel(task) => drop(client.cancel(task).await),
            Action::StopReading => self.window.close(),
            Action::Say(text) => self.board.say(&text),
            Action::ShutDown => client.shut_down().await,
            Action::Kill => {
                client.shut_down().await;
                client.shut_down().await;
            }
        }
        None
    }
}

async fn submit(client: &Client, tasks: Vec<crate::tasks::TaskSpec>) -> Result<(), Refused> {
    let submission = Submission { pool: POOL.into(), tasks, batch: None };
    client.submit(submission).await.map(drop)
}

/// A result that is too large to be told.
async fn fetch(client: &Client, task: TaskId) -> Option<Bytes> {
    let read = client.read::<Option<Bytes>>(move |store, found| {
        if let Some(result) = store.result(task)? {
            let mut whole = BytesMut::new();
            for piece in result.pieces {
                whole.extend_from_slice(&piece?);
            }
            *found = Some(whole.freeze());
        }
        Ok(())
    });
    read.await.ok().flatten()
}
