//! The main process: one that a child names instead of itself (`MAINPID=`), as programs do that
//! put themselves into the background.
//!
//! ```text
//!                named               what we started exits        main process exits
//!   Running ───────────▶ Running ──────────────────────▶ Left ─────────────────────▶ Ended, with
//!                           │                                                   its wait status
//!                           └── main process exits ──▶ Ended, with its wait status
//! ```
//!
//! We are a subreaper, so a main process whose parent has ended is ours to reap. While that parent
//! lives, the wait status is the parent's to take, and all we see is that the main process is gone:
//! then the process we started decides again, if it lives; if it has ended, nobody can say how the
//! service did, and that counts as a failure.

use super::{Entry, Reaped, Register, Stage};
use hearken_core::evidence::Ending;
use hearken_core::identity::Token;
use hearken_core::supervision::Event;
use hearken_sys::Pid;

/// What an ending is told as whose wait status went to somebody else: an exit that explains
/// nothing. A service that is gone is better started once too often.
const UNKNOWN: Ending = Ending::Exited(255);

#[derive(Debug)]
pub(super) struct Main<H> {
    pub(super) pid: Pid,
    handle: H,
    is: Is,
}

#[derive(Debug, Clone, Copy)]
enum Is {
    Alive,
    /// It was reaped before the start was told.
    Reaped(Ending),
    /// It ended, and its wait status is not ours.
    Gone,
}

/// Why a process cannot be the main one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MainRefused {
    /// The incarnation has ended, or never came to its program.
    Over,
    /// The process belongs to another one.
    Taken,
}

/// What it means that a main process is gone and its wait status is not ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// Nothing: it is no main process any more, or was reaped.
    Nothing,
    /// The process that was started lives, and decides again.
    LeaderDecides,
    /// There is nobody left to ask.
    Ended(Event),
}

impl<H> Entry<H> {
    /// The program runs, or ran: what it was started as ended like this, if it did.
    pub(super) fn run(&mut self, token: Token, pid: Pid, ended: Option<Ending>) -> Option<Event> {
        let (stage, ending) = match (ended, self.main.as_ref().map(|main| main.is)) {
            (_, Some(Is::Reaped(ending))) => (Stage::Ended { pid }, Some(ending)),
            (Some(ending), Some(Is::Alive | Is::Gone)) => (Stage::Left { pid, ending }, None),
            (Some(ending), None) => (Stage::Ended { pid }, Some(ending)),
            (None, Some(Is::Alive | Is::Gone) | None) => (Stage::Running { pid }, None),
        };
        self.stage = stage;
        ending.map(|ending| Event::Exited(token, ending))
    }

    pub(super) fn main_reaped(&mut self, token: Token, ending: Ending) -> Reaped {
        match self.stage {
            Stage::Forked { .. } => {
                if let Some(main) = &mut self.main {
                    main.is = Is::Reaped(ending);
                }
                Reaped::Kept
            }
            Stage::Running { pid } | Stage::Left { pid, .. } => {
                self.stage = Stage::Ended { pid };
                Reaped::Event(Event::Exited(token, ending))
            }
            Stage::Asked | Stage::Ended { .. } | Stage::Failed { .. } => Reaped::Swallowed,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ended { .. } | Stage::Failed { .. })
    }

    fn main_lives(&self) -> Option<&Main<H>> {
        self.main.as_ref().filter(|main| matches!(main.is, Is::Alive))
    }
}

impl<H> Register<H> {
    /// Whose process it is that leads, or led, the group and session of this number.
    #[must_use]
    pub(crate) fn led_by(&self, pid: Pid) -> Option<Token> {
        self.led_by.get(&pid).copied()
    }

    /// From now on `pid` is the main process. The one that was started can be it again.
    ///
    /// # Errors
    /// Why not; everything is as before.
    pub(crate) fn set_main(
        &mut self,
        token: Token,
        pid: Pid,
        handle: H,
    ) -> Result<(), MainRefused> {
        if self.led_by.get(&pid).is_some_and(|whose| *whose != token) {
            return Err(MainRefused::Taken);
        }
        let entry = self.entries.get_mut(&token).ok_or(MainRefused::Over)?;
        let started = match entry.stage {
            Stage::Forked { pid, ended: None } | Stage::Running { pid } => Some(pid),
            // It is gone, so it can be the main process no more.
            Stage::Forked { ended: Some(_), .. } | Stage::Left { .. } => None,
            Stage::Asked | Stage::Ended { .. } | Stage::Failed { .. } => {
                return Err(MainRefused::Over);
            }
        };
        if started.is_none() && entry.pid() == Some(pid) {
            return Err(MainRefused::Over);
        }
        if entry.main.as_ref().is_some_and(|main| main.pid == pid) {
            return Ok(());
        }
        let new = (started != Some(pid)).then_some(Main { pid, handle, is: Is::Alive });
        let is_new = new.is_some();
        if let Some(before) = std::mem::replace(&mut entry.main, new) {
            self.by_pid.remove(&before.pid);
            self.led_by.remove(&before.pid);
        }
        if is_new {
            self.by_pid.insert(pid, token);
            self.led_by.insert(pid, token);
        }
        Ok(())
    }

    /// Whether a main process was named, dead or alive.
    #[must_use]
    pub(crate) fn has_main(&self, token: Token) -> bool {
        self.entries.get(&token).is_some_and(|entry| entry.main.is_some())
    }

    /// The main process that a child named, while it lives.
    #[must_use]
    pub(crate) fn main(&self, token: Token) -> Option<(&H, Pid)> {
        let main = self.entries.get(&token)?.main_lives()?;
        Some((&main.handle, main.pid))
    }

    /// What a stop signal goes to: the main process, if one was named.
    #[must_use]
    pub(crate) fn target(&self, token: Token) -> Option<(&H, Pid)> {
        self.main(token).or_else(|| self.handle(token))
    }

    /// What leads a group that is to be killed with it: the process that was started, and the main
    /// one, also after they have ended.
    pub(crate) fn heads(&self, token: Token) -> impl Iterator<Item = (&H, Pid)> {
        let main = self.entries.get(&token).and_then(|entry| entry.main.as_ref());
        self.handle(token).into_iter().chain(main.map(|main| (&main.handle, main.pid)))
    }

    /// Every main process that lives, by token.
    pub(crate) fn mains(&self) -> impl Iterator<Item = (Token, &H)> {
        self.entries.iter().filter_map(|(token, entry)| Some((*token, &entry.main_lives()?.handle)))
    }

    /// The main process has ended, and everything that is ours to reap was reaped.
    pub(crate) fn main_gone(&mut self, token: Token, pid: Pid) -> Gone {
        let Some(entry) = self.entries.get_mut(&token) else { return Gone::Nothing };
        if entry.main_lives().is_none_or(|main| main.pid != pid) {
            return Gone::Nothing;
        }
        if let Some(main) = &mut entry.main {
            main.is = Is::Gone;
        }
        match entry.stage {
            Stage::Left { pid: started, .. } => {
                entry.stage = Stage::Ended { pid: started };
                self.by_pid.remove(&pid);
                Gone::Ended(Event::Exited(token, UNKNOWN))
            }
            // Its number stays known: when what was started ends without having taken the wait
            // status, it comes to us after all.
            Stage::Forked { .. } | Stage::Running { .. } => {
                self.gone.push(token);
                Gone::LeaderDecides
            }
            Stage::Asked | Stage::Ended { .. } | Stage::Failed { .. } => Gone::Nothing,
        }
    }

    /// Everything that is ours to reap was reaped: of those whose main process went without a
    /// status, the exit of what was started is the end.
    pub(crate) fn settle(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let Self { entries, by_pid, gone, .. } = self;
        gone.retain(|token| {
            let Some(entry) = entries.get_mut(token) else { return false };
            let Some(Main { is: Is::Gone, pid: main, .. }) = &entry.main else { return false };
            let Stage::Left { pid, ending } = entry.stage else { return !entry.is_over() };
            by_pid.remove(main);
            entry.stage = Stage::Ended { pid };
            events.push(Event::Exited(*token, ending));
            false
        });
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Token = Token(1);
    const STARTED: i32 = 10;
    const MAIN: i32 = 20;

    fn pid(number: i32) -> Pid {
        Pid::new(number).unwrap()
    }

    fn running() -> Register<i32> {
        let mut register = Register::default();
        register.asked(T);
        register.forked(T, pid(STARTED), STARTED);
        register.execed(T);
        register
    }

    fn with_main() -> Register<i32> {
        let mut register = running();
        assert_eq!(register.set_main(T, pid(MAIN), MAIN), Ok(()));
        register
    }

    fn exited(code: i32) -> Event {
        Event::Exited(T, Ending::Exited(code))
    }

    #[test]
    fn what_was_started_may_go_and_the_main_process_is_the_end() {
        let mut register = with_main();
        assert_eq!(register.reaped(pid(STARTED), Ending::Exited(0)), Reaped::Kept);
        assert!(register.settle().is_empty() && !register.has_ended(T));
        assert_eq!(register.led_by(pid(STARTED)), Some(T), "its group may live on");
        let killed = Ending::Killed { signal: 9, core_dumped: false };
        let end = Event::Exited(T, killed);
        assert_eq!(register.reaped(pid(MAIN), killed), Reaped::Event(end));
        assert!(register.has_ended(T));
        register.released(T);
        assert!(register.entries.is_empty() && register.by_pid.is_empty());
        assert!(register.led_by.is_empty());
    }

    #[test]
    fn the_end_of_the_main_process_is_the_end_though_what_was_started_lives() {
        let mut register = with_main();
        assert_eq!(register.reaped(pid(MAIN), Ending::Exited(7)), Reaped::Event(exited(7)));
        assert_eq!(register.heads(T).map(|head| head.1.get()).collect::<Vec<_>>(), [STARTED, MAIN]);
        register.released(T);
        assert_eq!(register.reaped(pid(STARTED), Ending::Exited(0)), Reaped::Swallowed);
        assert!(register.by_pid.is_empty());
    }

    #[test]
    fn signals_go_to_the_main_process_and_kills_to_both() {
        let mut register = with_main();
        assert_eq!(register.target(T).unwrap().1, pid(MAIN));
        assert_eq!(register.token_of(pid(MAIN)), Some(T));
        assert_eq!(register.mains().collect::<Vec<_>>(), [(T, &MAIN)]);
        assert_eq!(register.set_main(T, pid(STARTED), STARTED), Ok(()), "it can be itself again");
        assert_eq!(register.target(T).unwrap().1, pid(STARTED));
        assert_eq!(register.led_by(pid(MAIN)), None);
        assert_eq!(register.reaped(pid(MAIN), Ending::Exited(1)), Reaped::Orphan(pid(MAIN)));
        assert_eq!(register.reaped(pid(STARTED), Ending::Exited(3)), Reaped::Event(exited(3)));
    }

    #[test]
    fn another_main_process_takes_the_place_of_the_first() {
        let mut register = with_main();
        assert_eq!(register.set_main(T, pid(30), 30), Ok(()));
        assert_eq!(register.reaped(pid(MAIN), Ending::Exited(0)), Reaped::Orphan(pid(MAIN)));
        assert_eq!(register.reaped(pid(STARTED), Ending::Exited(0)), Reaped::Kept);
        assert_eq!(register.set_main(T, pid(STARTED), STARTED), Err(MainRefused::Over));
        assert_eq!(register.reaped(pid(30), Ending::Exited(4)), Reaped::Event(exited(4)));
        assert_eq!(register.set_main(T, pid(31), 31), Err(MainRefused::Over));
    }

    #[test]
    fn a_process_of_another_is_refused() {
        let mut register = with_main();
        let other = Token(2);
        register.asked(other);
        register.forked(other, pid(40), 40);
        register.execed(other);
        for taken in [STARTED, MAIN] {
            assert_eq!(register.set_main(other, pid(taken), 0), Err(MainRefused::Taken));
        }
    }

    #[test]
    fn a_main_process_that_its_parent_reaped_leaves_the_decision_to_what_was_started() {
        let mut register = with_main();
        assert_eq!(register.main_gone(T, pid(MAIN)), Gone::LeaderDecides);
        assert_eq!(register.main_gone(T, pid(MAIN)), Gone::Nothing, "told once");
        assert_eq!(register.target(T).unwrap().1, pid(STARTED));
        assert_eq!(register.reaped(pid(STARTED), Ending::Exited(5)), Reaped::Kept);
        assert_eq!(register.settle(), [exited(5)]);
        assert!(register.settle().is_empty() && register.by_pid.is_empty());
        assert!(register.gone.is_empty());
    }

    #[test]
    fn a_wait_status_that_nobody_took_comes_to_us_with_the_end_of_the_parent() {
        let mut register = with_main();
        assert_eq!(register.main_gone(T, pid(MAIN)), Gone::LeaderDecides);
        assert_eq!(register.reaped(pid(STARTED), Ending::Exited(0)), Reaped::Kept);
        assert_eq!(register.reaped(pid(MAIN), Ending::Exited(9)), Reaped::Event(exited(9)));
        assert!(register.settle().is_empty());
    }

    #[test]
    fn an_end_that_nobody_can_tell_is_a_failure() {
        let mut register = with_main();
        assert_eq!(register.reaped(pid(STARTED), Ending::Exited(0)), Reaped::Kept);
        assert_eq!(register.main_gone(T, pid(MAIN)), Gone::Ended(exited(255)));
        assert!(register.has_ended(T) && register.by_pid.is_empty());
    }

    #[test]
    fn a_main_process_named_before_the_start_is_told_counts_all_the_same() {
        for reaped in [[STARTED, MAIN], [MAIN, STARTED]] {
            let mut register = Register::default();
            register.asked(T);
            register.forked(T, pid(STARTED), STARTED);
            assert_eq!(register.set_main(T, pid(MAIN), MAIN), Ok(()));
            for number in reaped {
                assert_eq!(register.reaped(pid(number), Ending::Exited(number)), Reaped::Kept);
            }
            assert_eq!(register.execed(T), [Event::Spawned(T, STARTED), exited(MAIN)]);
        }
    }
}
