//! The fake probes.

use super::World;
use hearken_core::action::Purpose;
use hearken_core::identity::Token;
use hearken_core::supervision::Event;

/// What becomes of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probes {
    Pass,
    Fail,
    Never,
}

impl World {
    pub(super) fn start_probe(&mut self, token: Token, purpose: Purpose, number: u32) {
        self.check_touch(token);
        let now = self.now;
        let process = self.processes.get_mut(&token).unwrap();
        assert!(process.is_up(), "{token:?} is probed though it is not up");
        assert_eq!(process.probe, None, "{token:?} is probed while a probe is under way");
        assert_eq!(number, process.last_probe + 1, "{token:?}: no number comes twice");
        process.probe = Some((number, purpose));
        process.last_probe = number;
        process.looked_at = now;
        match self.probes {
            Probes::Pass => process.answers.push_back(Event::Probed(token, number, true)),
            Probes::Fail => process.answers.push_back(Event::Probed(token, number, false)),
            Probes::Never => {}
        }
    }

    pub(super) fn end_probe(&mut self, token: Token, number: u32) {
        let now = self.now;
        let process = self.processes.get_mut(&token).unwrap();
        let under_way = process.probe.take().map(|(number, _)| number);
        assert_eq!(under_way, Some(number), "{token:?}: a probe is ended that is not under way");
        assert!(!process.released, "{token:?}: a probe outlived its process");
        process.looked_at = now;
    }

    /// An answer is about to be told.
    pub(super) fn probe_answered(&mut self, token: Token, number: u32) {
        let now = self.now;
        let process = self.processes.get_mut(&token).unwrap();
        if process.probe.is_some_and(|(it, _)| it == number) {
            process.probe = None;
            process.looked_at = now;
        }
    }
}
