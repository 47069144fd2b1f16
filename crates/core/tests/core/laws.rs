//! Laws that hold for every history: random worlds, random commands, random faults, any order.
//!
//! The world checks most of them itself, on every action (see `world.rs`). Here stands what drives
//! it there, and what must be true when faults and commands cease.

use crate::world::*;
use hearken_core::action::Report;
use hearken_core::backoff::Backoff;
use hearken_core::budget::Limit;
use hearken_core::evidence::{Ending, Intent, Said, TypedError};
use hearken_core::gate::StartRate;
use hearken_core::identity::{Token, UnitIndex};
use hearken_core::instance::{Rest, Standing};
use hearken_core::kind::Kind;
use hearken_core::policy::{After, OnLimit, Ready, RestartWhen, UnitPolicy, Until};
use hearken_core::supervision::{Event, WhenIdle};
use hearken_core::unit::Going;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::fmt;
use std::time::Duration;

/// What a child does.
#[derive(Debug, Clone)]
enum Deed {
    Says(Said),
    BreaksTheProtocol,
    HangsUp,
    ClosesAll,
    Ends(Ending),
    IsHalted,
    LeavesAGrandchild,
}

#[derive(Debug, Clone)]
enum Step {
    /// The head of one queue is delivered.
    Deliver(Index),
    DeliverAll,
    /// The fork server answers one spawn.
    Forked(Index),
    ForkFails(Index, bool),
    Child(Index, Deed),
    /// What was said about a process that is history arrives late.
    Stale(Index),
    Command(Event),
    Elapse(Duration),
    Stall(Duration),
    Manners(Manners),
    Thaw(Index),
}

/// A history, one line a step.
#[derive(Clone)]
struct Steps(Vec<Step>);

impl fmt::Debug for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| write!(f, "\n  {step:?}"))
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let error = (select(&Kind::ALL[..12]), any::<Option<bool>>(), any::<Option<u64>>()).prop_map(
        |(kind, retryable, after)| {
            let retry_after = after.map(Duration::from_millis);
            Said::Error(TypedError { retryable, retry_after, ..error(kind) })
        },
    );
    let intent = select(vec![Intent::Done, Intent::Retry, Intent::RestartNow, Intent::StayDown]);
    let said = prop_oneof![
        3 => Just(Said::Hello),
        4 => Just(Said::Ready),
        1 => Just(Said::Working),
        2 => error,
        1 => intent.prop_map(Said::Exiting),
    ];
    let code = select(vec![0, 0, 1, 69, 71, 75, 78]);
    prop_oneof![
        8 => said.prop_map(Deed::Says),
        1 => Just(Deed::BreaksTheProtocol),
        1 => Just(Deed::HangsUp),
        1 => Just(Deed::ClosesAll),
        5 => code.prop_map(|code| Deed::Ends(Ending::Exited(code))),
        5 => Just(Deed::Ends(Ending::Killed { signal: 11, core_dumped: false })),
        1 => Just(Deed::IsHalted),
        1 => Just(Deed::LeavesAGrandchild),
    ]
}

fn command() -> impl Strategy<Value = Event> {
    let unit = (0_u32..5).prop_map(UnitIndex);
    prop_oneof![
        6 => unit.clone().prop_map(Event::Start),
        6 => unit.clone().prop_map(Event::Stop),
        6 => unit.clone().prop_map(Event::Restart),
        6 => (unit, 0_u32..5).prop_map(|(unit, instances)| Event::Scale(unit, instances)),
        1 => Just(Event::Boot),
        1 => Just(Event::Shutdown),
        1 => Just(Event::ShutdownNow),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let millis = |most: u64| (0..most).prop_map(Duration::from_millis);
    prop_oneof![
        20 => any::<Index>().prop_map(Step::Deliver),
        4 => Just(Step::DeliverAll),
        16 => any::<Index>().prop_map(Step::Forked),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(of, permanent)| Step::ForkFails(of, permanent)),
        16 => (any::<Index>(), deed()).prop_map(|(of, deed)| Step::Child(of, deed)),
        1 => any::<Index>().prop_map(Step::Stale),
        3 => command().prop_map(Step::Command),
        8 => millis(500).prop_map(Step::Elapse),
        4 => millis(20_000).prop_map(Step::Elapse),
        1 => millis(100_000).prop_map(Step::Stall),
        1 => select(vec![Manners::Obeys, Manners::IgnoresTerm, Manners::Unkillable])
            .prop_map(Step::Manners),
        1 => any::<Index>().prop_map(Step::Thaw),
    ]
}

prop_compose! {
    fn unit()(
        instances in 1_u32..4,
        critical in prop::bool::weighted(0.1),
        when in select(vec![RestartWhen::Always, RestartWhen::OnFailure, RestartWhen::Never]),
        (delay, max_delay) in (select(vec![0_u64, 1, 200]), select(vec![200_u64, 5_000])),
        settle in 0_u64..10_000,
        limit in prop::option::weighted(0.8, (1_u32..4, 1_u64..60_000)),
        on_limit in select(vec![OnLimit::Fail, OnLimit::Fail, OnLimit::Wait, OnLimit::ShutDown]),
        ready in select(vec![Ready::Started, Ready::Said]),
        start_timeout in prop::option::of(1_u64..10_000),
        grace in 0_u64..10_000,
        after in prop::collection::vec(
            (any::<Index>(), select(vec![Until::Started, Until::Ready, Until::Succeeded])), 0..3),
    ) -> (UnitPolicy, Vec<(Index, Until)>) {
        let policy = service("unit", |it| {
            it.instances = instances;
            it.critical = critical;
            it.restart.when = when;
            it.restart.backoff = Backoff::new(ms(delay), ms(max_delay)).unwrap();
            it.restart.settle = ms(settle);
            it.restart.limit = limit.map(|(count, window)| Limit::new(count, ms(window)).unwrap());
            it.restart.on_limit = on_limit;
            it.ready = ready;
            it.start_timeout = start_timeout.map(ms);
            it.stop.grace = ms(grace);
        });
        (policy, after)
    }
}

prop_compose! {
    fn world()(
        units in prop::collection::vec(unit(), 2..6),
        burst in 1_u32..4,
        per_second in 1_u32..100,
        when_idle in select(vec![WhenIdle::Stay, WhenIdle::Stay, WhenIdle::Exit]),
        seed in any::<u64>(),
    ) -> World {
        // A unit may come after any before it: there is no cycle.
        let units = (0..).zip(units).map(|(index, (mut policy, after))| {
            policy.after = after
                .into_iter()
                .filter(|_| index > 0)
                .map(|(on, until)| {
                    let unit = UnitIndex(u32::try_from(on.index(index)).unwrap());
                    After { unit, until }
                })
                .collect();
            policy
        });
        World::with(units, StartRate { burst, per_second }, when_idle, seed)
    }
}

fn pick(world: &World, index: Index, of: impl Fn(&Process) -> bool) -> Option<Token> {
    let tokens: Vec<_> =
        world.processes.iter().filter(|(_, it)| of(it)).map(|(token, _)| *token).collect();
    (!tokens.is_empty()).then(|| tokens[index.index(tokens.len())])
}

fn take(world: &mut World, step: Step) {
    match step {
        Step::Deliver(index) => {
            let queues = |it: &Process| !it.kernel.is_empty() || !it.line.is_empty();
            let Some(token) = pick(world, index, queues) else { return };
            let process = world.processes.get_mut(&token).unwrap();
            let from_line =
                process.kernel.is_empty() || (!process.line.is_empty() && index.index(2) == 0);
            let queue = if from_line { &mut process.line } else { &mut process.kernel };
            let event = queue.pop_front().unwrap();
            world.feed(event);
        }
        Step::DeliverAll => world.deliver(),
        Step::Forked(index) => {
            if let Some(token) = pick(world, index, |it| it.pending) {
                world.fork(token, None);
            }
        }
        Step::ForkFails(index, permanent) => {
            if let Some(token) = pick(world, index, |it| it.pending) {
                world.fork(token, Some(if permanent { ENOENT } else { EAGAIN }));
            }
        }
        Step::Child(index, deed) => {
            let Some(token) = pick(world, index, |it| it.alive) else { return };
            let process = world.processes.get_mut(&token).unwrap();
            match deed {
                Deed::Says(said) => process.says(token, said),
                Deed::BreaksTheProtocol => process.breaks_the_protocol(token),
                Deed::HangsUp => process.hangs_up(token),
                Deed::ClosesAll => process.close_all(token),
                Deed::Ends(ending) => world.die(token, ending),
                Deed::IsHalted => process.halted = true,
                Deed::LeavesAGrandchild => process.held_open = true,
            }
        }
        Step::Stale(index) => {
            let Some(token) = pick(world, index, Process::is_history) else { return };
            world.feed(Event::Said(token, Said::Ready));
            world.feed(Event::Violated(token));
            world.feed(Event::LineClosed(token));
            world.feed(Event::Drained(token));
        }
        Step::Command(event) => world.feed(event),
        Step::Elapse(time) => world.elapse(time),
        Step::Stall(time) => {
            world.now = world.now + time;
            world.ring();
        }
        Step::Manners(manners) => world.manners = manners,
        Step::Thaw(index) => {
            if let Some(token) = pick(world, index, |it| it.manners == Manners::Unkillable) {
                world.thaw(token);
            }
        }
    }
}

/// From here on every process does what it should, and everything is answered and delivered.
fn faults_cease(world: &mut World) {
    world.forks = Forks::AtOnce;
    world.manners = Manners::Obeys;
    world.healthy = true;
    let tokens: Vec<_> = world.processes.keys().copied().collect();
    for token in tokens {
        if world.processes[&token].pending {
            world.fork(token, None);
        }
        world.thaw(token);
        let process = world.processes.get_mut(&token).unwrap();
        process.manners = Manners::Obeys;
        process.halted = false;
        process.says(token, Said::Ready);
        // A child that can never be heard again has no way to become ready.
        if process.alive && process.mute {
            world.die(token, Ending::Exited(1));
        }
    }
    world.deliver();
    world.pass(s(24 * 3600));
}

fn has_converged(world: &World) {
    let over = world.saw(|it| matches!(it, Report::ShuttingDown { .. }));
    assert!(world.left.is_some() || !over, "a shutdown that began is over");
    if world.left.is_some() {
        return;
    }
    assert_eq!(world.core.poll_timeout(), None, "nothing is left to wait for");
    for unit in (0..).map(UnitIndex).take_while(|unit| world.core.unit(*unit).is_some()) {
        let it = world.core.unit(unit).unwrap();
        for instance in &it.instances {
            let in_use = instance.id().slot <= it.policy.instances;
            let standing = instance.standing();
            let rests = match (it.going, in_use) {
                (Going::On, true) => matches!(
                    standing,
                    Standing::Ready | Standing::Down(Rest::Finished | Rest::Failed)
                ),
                (Going::Off | Going::Held | Going::Suspended, _) | (Going::On, false) => {
                    matches!(standing, Standing::Down(_))
                }
            };
            assert!(rests, "{:?} of {:?} is {standing:?}", instance.id(), it.going);
        }
        let wanted = world.is_wanted(unit);
        assert_eq!(it.going != Going::Off, wanted, "{unit:?}: the last word of the operator");
        let waits = !world.core.waits_for(unit).is_empty();
        assert!(it.going != Going::Held || waits, "{unit:?} is held and waits for nobody");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(600), max_shrink_time: 30_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_history_keeps_the_laws_and_comes_to_rest(
        mut world in world(),
        steps in prop::collection::vec(step(), 1..250).prop_map(Steps),
    ) {
        world.forks = Forks::Never;
        world.feed(Event::Boot);
        for step in steps.0 {
            take(&mut world, step);
        }
        faults_cease(&mut world);
        has_converged(&world);
        world.tell(Event::Shutdown);
        world.pass(s(24 * 3600));
        prop_assert!(world.left.is_some(), "a shutdown always ends");
        prop_assert_eq!(world.alive(), 0);
        prop_assert!(world.processes.values().all(Process::is_history), "every start has its end");
    }

    /// Nothing but crashes, as fast as they come: the hardest test of budget, backoff and gate.
    #[test]
    fn a_storm_of_crashes_keeps_every_budget(
        mut world in world(),
        waits in prop::collection::vec((any::<Index>(), 0_u64..3_000), 1..300),
    ) {
        world.healthy = true;
        world.boot();
        for (index, wait) in waits {
            if let Some(token) = pick(&world, index, |it| it.alive) {
                world.die(token, Ending::Exited(1));
                world.deliver();
            }
            world.pass(ms(wait));
        }
        world.tell(Event::ShutdownNow);
        world.pass(s(60));
        prop_assert!(world.left.is_some());
    }
}

/// More with `PROPTEST_CASES=10000`.
fn cases(least: u32) -> u32 {
    ProptestConfig::default().cases.max(least)
}
