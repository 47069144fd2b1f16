//! To which child a process belongs: the sender of a datagram, or a pid that a child named.
//!
//! ```text
//!   supervisor ── leader ── worker ── its own session ── sender
//!                   │ session and group have          │
//!                   │ the number of the leader        └─ sent from here: two steps up is a
//!                   └─ so one look is enough             process of the leader's session
//! ```
//!
//! Every child of the fork server leads a session and a group of its own number, and the kernel
//! gives that number to nobody while one process is left in either. So a relation holds also
//! after the leader itself has ended.

use crate::Pid;
use crate::procfs::{self, Process};

/// How far up the parents are followed.
const GENERATIONS: usize = 64;

/// Whether the process `pid` is `leader`, is in its session or group, or descends from a process
/// that is. A zombie still belongs; who was reaped belongs to nobody, and neither does this
/// process or process 1. `false` where /proc does not show the process (`hidepid`).
///
/// `leader` is a child that leads its own session, or led it while there are still processes in
/// it: a number that is free again would be a stranger's.
///
/// A descendant that made a session of its own and whose ancestors up to that of the leader have
/// all ended belongs to nobody any more: nothing tells it apart from any other orphan.
///
/// It is a look at a number: before something is done to the process, see [`PidFd::open`].
///
/// [`PidFd::open`]: crate::PidFd::open
pub fn belongs_to(pid: Pid, leader: Pid) -> bool {
    leader_among(pid, |known| known == leader).is_some()
}

/// The leader that the process `pid` belongs to, as [`belongs_to`] has it, among those that
/// `is_leader` knows. Takes as many looks into /proc as there are generations between the two,
/// mostly one, however many leaders there are. The nearest leader is the answer, and by session
/// before it is by group.
pub fn leader_among(pid: Pid, is_leader: impl Fn(Pid) -> bool) -> Option<Pid> {
    climb(pid, Pid::own(), procfs::process, is_leader)
}

fn climb(
    pid: Pid,
    own: Pid,
    look: impl Fn(Pid) -> Option<Process>,
    is_leader: impl Fn(Pid) -> bool,
) -> Option<Pid> {
    let mut pid = pid;
    let mut born_before = u64::MAX;
    for _ in 0..GENERATIONS {
        // From here up everything is an ancestor of ours, or nobody.
        if pid == own || pid.get() == 1 {
            return None;
        }
        let process = look(pid)?;
        // No parent is younger than its child: this number has changed hands since it was read.
        if process.started > born_before {
            return None;
        }
        born_before = process.started;
        let numbers = [process.session, process.group, pid.get()];
        let leader = numbers.into_iter().filter_map(Pid::new).find(|pid| is_leader(*pid));
        if leader.is_some() {
            return leader;
        }
        pid = Pid::new(process.parent)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: i32 = 100;

    /// Number, parent, group, session, start.
    type Row = (i32, i32, i32, i32, u64);

    fn leader_of(pid: i32, rows: &[Row], leaders: &[i32]) -> Option<i32> {
        let pid_of = |number| Pid::new(number).expect("positive");
        let look = |pid: Pid| {
            let (_, parent, group, session, started) =
                *rows.iter().find(|(number, ..)| *number == pid.get())?;
            Some(Process {
                pid,
                command: String::new(),
                ended: false,
                parent,
                group,
                session,
                started,
            })
        };
        climb(pid_of(pid), pid_of(OWN), look, |pid| leaders.contains(&pid.get())).map(Pid::get)
    }

    #[test]
    fn the_session_says_more_than_the_group_and_both_more_than_the_parents() {
        let rows = [
            (10, OWN, 10, 10, 1),
            (20, OWN, 20, 20, 1),
            (30, OWN, 30, 30, 1),
            (31, 30, 20, 10, 2),
            (32, 30, 20, 32, 2),
            (33, 30, 33, 33, 2),
            (34, 33, 33, 33, 3),
        ];
        let leaders = [10, 20, 30];
        for (pid, expected) in [(10, 10), (31, 10), (32, 20), (33, 30), (34, 30)] {
            assert_eq!(leader_of(pid, &rows, &leaders), Some(expected), "{pid}");
        }
    }

    #[test]
    fn a_leader_that_is_gone_is_found_by_the_session_of_an_ancestor() {
        // 11 was left by 10 and came to us; 12 is its child in a session of its own.
        let rows = [(11, OWN, 10, 10, 2), (12, 11, 12, 12, 3)];
        assert_eq!(leader_of(12, &rows, &[10]), Some(10));
        assert_eq!(leader_of(10, &rows, &[10]), None, "reaped");
    }

    #[test]
    fn the_climb_ends_at_this_process_and_at_process_1() {
        let rows = [(1, 0, 1, 1, 0), (OWN, 7, 7, 7, 1), (7, 1, 7, 7, 1), (8, OWN, 8, 8, 2)];
        for pid in [1, OWN, 8] {
            assert_eq!(leader_of(pid, &rows, &[1, 7, OWN]), None, "{pid}");
        }
    }

    #[test]
    fn a_parent_that_is_younger_than_its_child_is_a_stranger() {
        let young = [(10, OWN, 10, 10, 9), (11, 10, 11, 11, 5)];
        assert_eq!(leader_of(11, &young, &[10]), None);
        let old = [(10, OWN, 10, 10, 5), (11, 10, 11, 11, 5)];
        assert_eq!(leader_of(11, &old, &[10]), Some(10));
    }

    #[test]
    fn a_circle_and_a_tower_end() {
        assert_eq!(leader_of(10, &[(10, 11, 0, 0, 1), (11, 10, 0, 0, 1)], &[99]), None);
        let tower: Vec<Row> = (1000..1100).map(|pid| (pid, pid - 1, 0, 0, 1)).collect();
        assert_eq!(leader_of(1063, &tower, &[1000]), Some(1000));
        assert_eq!(leader_of(1064, &tower, &[1000]), None);
    }

    #[test]
    fn strangers_belong_to_nobody() {
        let is_leader = |_| true;
        assert_eq!(leader_among(Pid::own(), is_leader), None);
        assert_eq!(leader_among(Pid::new(1).expect("positive"), is_leader), None);
        assert_eq!(leader_among(Pid::new(i32::MAX).expect("positive"), is_leader), None);
    }
}
