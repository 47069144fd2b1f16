"""How tasks end badly, and what becomes of the worker: failures, snoozes, cancels, drains, a supervisor gone mad."""

import signal
import unittest

from peer import (
    ACCEPTED,
    CANCEL,
    DRAINING,
    ERROR,
    EXITING,
    HEARTBEAT,
    PING,
    PROGRESS,
    REJECT,
    RESULT,
    SNOOZE,
    WELCOME,
    WELCOME_FIELDS,
    Child,
    packed,
    pool_worker,
)
from test_tasks import PoolTest

#: A handler that says when it has begun, and ends with its cancel.
UNTIL_CANCELLED = "task.progress(0)\ntask.wait(60)\nreturn task.cancel_reason"


class Failures(PoolTest):
    def failed(self, body, before=""):
        child = self.start(f"{before}\ndef work(task):\n    {body}" if before else body)
        (_, error), = self.answered(child, of=ERROR)
        self.ended(child)
        self.assertEqual(error.pop("handle"), 1)
        return error

    def test_every_failure_is_an_error_of_its_kind_and_the_worker_goes_on(self):
        child = self.start("raise globals()[task.payload]('no', code='a.b', details={'row': 7})")
        kinds = {
            "Retryable": "transient",
            "Transient": "transient",
            "RateLimited": "rate_limited",
            "Timeout": "timeout",
            "Unavailable": "unavailable",
            "Conflict": "conflict",
            "Resource": "resource",
            "Invalid": "invalid",
            "NotFound": "not_found",
            "Denied": "denied",
            "Cancelled": "cancelled",
        }
        for handle, (name, kind) in enumerate(kinds.items()):
            (_, error), = self.answered(child, handle, name, of=ERROR)
            self.assertEqual(
                error, {"handle": handle, "kind": kind, "code": "a.b", "message": "no", "details": {"row": 7}}
            )
        self.ended(child)

    def test_a_fatal_failure_gives_up_its_task_and_touches_nothing_else(self):
        child = self.start("if task.payload: raise Fatal(**task.payload)\nreturn 'on'")
        for handle, given in enumerate(({"message": "void", "code": "order.void"}, {"retryable": True}), 1):
            (_, error), = self.answered(child, handle, given, of=ERROR)
            told = {"code": "invalid", "message": "it cannot work until somebody acts", **given}
            self.assertEqual(error, {"handle": handle, "kind": "invalid", **told, "retryable": False})
        self.assertEqual(self.answered(child, 3), [(RESULT, {"handle": 3, "data": "on"})])
        self.ended(child)

    def test_a_failure_carries_its_hints(self):
        error = self.failed("raise RateLimited(after=1.5, retryable=True, scope='dependency', dependency='mail')")
        self.assertEqual(
            error,
            {
                "kind": "rate_limited",
                "code": "rate_limited",
                "message": "rate limited",
                "retryable": True,
                "retry_after_ms": 1500,
                "scope": "dependency",
                "dependency": "mail",
            },
        )

    def test_any_other_exception_is_a_bug_with_its_trace(self):
        error = self.failed("return {}['missing']")
        self.assertEqual((error["kind"], error["code"], error["message"]), ("bug", "KeyError", "'missing'"))
        self.assertIn("in work", error["trace"])

    def test_sys_exit_in_a_handler_ends_the_task_and_not_the_worker(self):
        error = self.failed("sys.exit('no more')")
        self.assertEqual((error["kind"], error["code"], error["message"]), ("bug", "SystemExit", "no more"))

    def test_an_exception_without_a_text_of_its_own_is_told(self):
        error = self.failed("raise Mute()", "class Mute(Exception):\n    def __str__(self): raise OSError")
        self.assertEqual((error["code"], error["message"]), ("Mute", "Mute"))

    def test_a_failure_that_cannot_be_said_is_told_as_that(self):
        for raised, code in (
            ("Invalid(details='none')", "NotSendable"),
            ("RateLimited(after='soon')", "TypeError"),
            ("Snooze('later')", "TypeError"),
            ("Snooze(None)", "NotSendable"),
        ):
            with self.subTest(raised):
                error = self.failed(f"raise {raised}")
                self.assertEqual((error["kind"], error["code"]), ("bug", code))

    def test_a_snooze_is_no_error(self):
        child = self.start("raise Snooze(1.5, 'the quota is used up')")
        expected = {"handle": 1, "delay_ms": 1500, "reason": "the quota is used up"}
        self.assertEqual(self.answered(child, of=SNOOZE), [(SNOOZE, expected)])
        self.ended(child)

    def test_a_broken_worker_says_so_hands_back_what_it_holds_and_leaves(self):
        child = self.start(f"if task.payload: raise WorkerBroken('GPU lost')\n{UNTIL_CANCELLED}", ", 3")
        child.peer.task(1)
        child.peer.task(2, "break")
        child.peer.task(3)
        heard = [child.peer.hear(), child.peer.hear()]
        child.peer.say(CANCEL, handle=1, reason="operator", grace_ms=1000)
        heard += [child.peer.hear() for _ in range(5)]
        self.assertEqual([kind for kind, _ in heard[:3]], [ACCEPTED, PROGRESS, RESULT])
        broken = {"kind": "resource", "code": "worker.broken", "message": "GPU lost", "scope": "worker"}
        self.assertEqual(
            heard[3:],
            [
                (ACCEPTED, {"handle": 2}),
                (ERROR, {"handle": 2, **broken}),
                (DRAINING, {"reason": "GPU lost"}),
                (SNOOZE, {"handle": 3, "delay_ms": 0, "reason": "GPU lost"}),
            ],
        )
        child.peer.task(4)
        self.assertEqual(child.peer.hear(), (SNOOZE, {"handle": 4, "delay_ms": 0, "reason": "GPU lost"}))
        for handle, of in ((1, RESULT), (2, ERROR), (3, SNOOZE), (4, SNOOZE)):
            child.peer.ack(handle, of)
        self.assertEqual(child.peer.hear_all(), [(EXITING, {"intent": "done"})])
        self.assertEqual(child.finish(), (0, "", ""))


class Cancels(PoolTest):
    def test_a_cancel_is_told_to_the_task_that_runs(self):
        for threaded in (True, False):
            child = self.start(UNTIL_CANCELLED, f", threaded={threaded}")
            for handle, reason in enumerate(("timeout", "operator", "batch", "lease_lost", "shutdown")):
                child.peer.task(handle)
                self.assertEqual(child.peer.hear(), (ACCEPTED, {"handle": handle}))
                child.peer.hear()
                child.peer.say(CANCEL, handle=handle, reason=reason, grace_ms=1000)
                self.assertEqual(child.peer.hear(), (RESULT, {"handle": handle, "data": reason}))
                child.peer.ack(handle)
            self.ended(child)

    def test_a_handler_that_gives_up_ends_in_an_error_of_kind_cancelled(self):
        for threaded in (True, False):
            body = "task.progress()\nwhile True: task.check()"
            child = self.start(body, f", threaded={threaded}")
            child.peer.task(1)
            child.peer.hear(), child.peer.hear()
            child.peer.say(CANCEL, handle=1, reason="operator", grace_ms=1000)
            expected = {"handle": 1, "kind": "cancelled", "code": "cancelled", "message": "cancelled: operator"}
            self.assertEqual(child.peer.hear(), (ERROR, expected))
            child.peer.ack(1, ERROR)
            self.ended(child)

    def test_a_cancel_brings_the_deadline_forward(self):
        child = self.start("task.progress()\ntask.wait(60)\nreturn task.time_left")
        child.peer.task(1, hard_ms=3_600_000)
        child.peer.hear(), child.peer.hear()
        child.peer.say(CANCEL, handle=1, reason="timeout", grace_ms=5000)
        self.assertLessEqual(child.peer.hear()[1]["data"], 5)
        child.peer.ack(1)
        self.ended(child)

    def test_a_task_that_has_not_begun_is_given_up_while_another_one_runs(self):
        child = self.start(UNTIL_CANCELLED, ", 2")
        child.peer.task(1)
        child.peer.task(2)
        child.peer.hear(), child.peer.hear()
        child.peer.say(CANCEL, handle=2, reason="batch", grace_ms=1000)
        _, error = child.peer.hear()
        self.assertEqual((error["handle"], error["kind"]), (2, "cancelled"))
        self.assertIn("before it began: batch", error["message"])
        # Its credit is free again; its handle is not: what concerns it is stale.
        child.peer.task(3)
        child.peer.say(CANCEL, handle=2, reason="batch", grace_ms=1000)
        child.peer.say(CANCEL, handle=1, reason="operator", grace_ms=1000)
        self.assertEqual(child.peer.hear(), (RESULT, {"handle": 1, "data": "operator"}))
        self.assertEqual(child.peer.hear(), (ACCEPTED, {"handle": 3}))
        child.peer.hear()
        child.peer.say(CANCEL, handle=3, reason="operator", grace_ms=1000)
        child.peer.hear()
        for handle, of in ((1, RESULT), (2, ERROR), (3, RESULT)):
            child.peer.ack(handle, of)
        self.ended(child)

    def test_stale_cancels_and_acks_are_dropped(self):
        child = self.start("return 1")
        child.peer.say(CANCEL, handle=9, reason="operator", grace_ms=0)
        child.peer.ack(9)
        self.answered(child)
        child.peer.say(CANCEL, handle=1, reason="operator", grace_ms=0)
        child.peer.ack(1)
        self.answered(child, 2)
        self.ended(child)


class Drains(PoolTest):
    def test_what_is_held_is_finished_and_acked_before_the_exit(self):
        for threaded in (True, False):
            child = self.start(UNTIL_CANCELLED + " or 'done'", f", 3, threaded={threaded}")
            for handle in (1, 2, 3):
                child.peer.task(handle)
            child.peer.drain()
            for handle in (1, 2, 3):
                self.assertEqual(child.peer.hear(), (ACCEPTED, {"handle": handle}))
                child.peer.hear()
                child.peer.say(CANCEL, handle=handle, reason="shutdown", grace_ms=1000)
                self.assertEqual(child.peer.hear()[0], RESULT)
            child.peer.ack(1)
            child.peer.ack(2)
            # An ack of another message than the one that stands out is not the one it waits for.
            child.peer.ack(3, ERROR)
            child.peer.say(PING, sequence=5)
            self.assertEqual(child.peer.hear(), (HEARTBEAT, {"sequence": 5, "busy": []}), "it is still there")
            child.peer.ack(3)
            self.assertEqual(child.peer.hear_all(), [(EXITING, {"intent": "done"})])
            self.assertEqual(child.finish(), (0, "", ""))

    def test_when_the_grace_is_over_it_leaves_without_the_acks(self):
        for threaded in (True, False):
            child = self.start("return 1", f", threaded={threaded}")
            child.peer.task(1)
            child.peer.hear(), child.peer.hear()
            child.peer.drain(grace_ms=50)
            self.assertEqual(child.peer.hear_all(), [(EXITING, {"intent": "done"})])
            self.assertEqual(child.finish(), (0, "", ""))

    def test_after_the_grace_nothing_new_is_begun(self):
        child = self.start("task.progress()\ntask.wait(60)\nwhile task.time_left: pass", ", 2")
        child.peer.task(1)
        child.peer.task(2)
        child.peer.hear(), child.peer.hear()
        child.peer.drain(grace_ms=0)
        child.peer.say(CANCEL, handle=1, reason="shutdown", grace_ms=0)
        self.assertEqual(child.peer.hear_all(), [(RESULT, {"handle": 1}), (EXITING, {"intent": "done"})])

    def test_sigterm_is_a_drain_of_which_the_supervisor_is_told(self):
        for threaded in (True, False):
            child = self.start(UNTIL_CANCELLED, f", threaded={threaded}")
            child.peer.task(1)
            child.peer.hear(), child.peer.hear()
            child.process.send_signal(signal.SIGTERM)
            self.assertEqual(child.peer.hear(), (DRAINING, {"reason": "SIGTERM"}))
            child.peer.say(CANCEL, handle=1, reason="shutdown", grace_ms=1000)
            self.assertEqual(child.peer.hear()[0], RESULT)
            child.peer.ack(1)
            self.assertEqual(child.peer.hear_all(), [(EXITING, {"intent": "done"})])
            self.assertEqual(child.finish(), (0, "", ""))

    def test_sigterm_ends_an_idle_worker(self):
        for threaded in (True, False):
            child = self.start("return 1", f", threaded={threaded}")
            self.answered(child)
            child.process.send_signal(signal.SIGTERM)
            expected = [(DRAINING, {"reason": "SIGTERM"}), (EXITING, {"intent": "done"})]
            self.assertEqual(child.peer.hear_all(), expected)
            self.assertEqual(child.finish(), (0, "", ""))

    def test_a_drain_with_sigterm_right_behind_it_is_one_drain(self):
        for threaded in (True, False):
            child = self.start("return 1", f", threaded={threaded}")
            self.answered(child)
            child.peer.drain()
            child.process.send_signal(signal.SIGTERM)
            self.assertEqual(child.peer.hear_all(), [(EXITING, {"intent": "done"})])
            self.assertEqual(child.finish(), (0, "", ""))


class Heartbeats(PoolTest):
    def test_a_busy_worker_answers_pings_and_names_what_it_holds(self):
        # A handler that computes and never calls anything of the package.
        child = self.start("task.progress()\nn = 0\nwhile task._cancel_reason is None: n += 1", ", 2")
        child.peer.task(7)
        child.peer.task(8)
        child.peer.hear(), child.peer.hear()
        for sequence in (1, 2):
            child.peer.say(PING, sequence=sequence)
            self.assertEqual(child.peer.hear(), (HEARTBEAT, {"sequence": sequence, "busy": [7, 8]}))

    def test_without_the_thread_the_calls_of_a_task_answer(self):
        child = self.start("task.progress()\nwhile not task.cancelled: pass", ", threaded=False")
        child.peer.task(7)
        child.peer.hear(), child.peer.hear()
        child.peer.say(PING, sequence=1)
        self.assertEqual(child.peer.hear(), (HEARTBEAT, {"sequence": 1, "busy": [7]}))

    def test_heartbeats_come_as_often_as_asked_idle_or_busy(self):
        for body, busy in (("return 1", []), ("time.sleep(60)", [7])):
            child = self.start(body, heartbeat_ms=10)
            if busy:
                child.peer.task(7)
                while child.peer.hear()[0] != ACCEPTED:
                    pass
            for _ in range(3):
                self.assertEqual(child.peer.hear(), (HEARTBEAT, {"sequence": 0, "busy": busy}))


class BadSupervisors(PoolTest):
    """What it may say, and what the worker makes of it: one line and an exit code, whatever it was doing."""

    def over(self, child, code, why):
        ended, _, err = child.finish()
        self.assertEqual((ended, len(err.splitlines())), (code, 1), err)
        self.assertIn(why, err)

    def test_hostile_bytes_end_the_worker_idle_or_busy(self):
        task = {"handle": 1, "id": "x", "attempt": 1, "crashes": 0, "payload": None}
        for data, why in (
            (b"\x7f\xff\xff\xff", "a frame of 2147483647 bytes"),
            (b"\0\0\0\x03abc", "does not start with"),
            (packed(63, {}), "kind 63"),
            (packed(3, {"handle": 1}), "kind 3"),
            (packed(34, {**task, "attempt": -1}), "field attempt"),
            (packed(34, {"handle": 1}), "without the field id"),
            (packed(35, {"handle": 1, "reason": "whim", "grace_ms": 1}), "field reason"),
            (packed(39, {"handle": 1, "of": 9}), "field of"),
        ):
            for threaded in (True, False):
                with self.subTest(why, threaded=threaded):
                    child = self.start(UNTIL_CANCELLED, f", threaded={threaded}")
                    child.peer.sock.sendall(data)
                    self.over(child, 76, why)
                    child = self.start(UNTIL_CANCELLED, f", threaded={threaded}")
                    child.peer.task(7)
                    child.peer.hear(), child.peer.hear()
                    child.peer.sock.sendall(data)
                    self.over(child, 76, why)

    def test_delays_of_a_million_years_are_waited_for(self):
        for threaded in (True, False):
            child = self.start("return 1", f", threaded={threaded}", heartbeat_ms=2**32 - 1)
            child.peer.task(1, soft_ms=2**64 - 1, hard_ms=2**64 - 1)
            child.peer.hear(), child.peer.hear()
            child.peer.drain(grace_ms=2**64 - 1)
            child.peer.say(PING, sequence=1)
            self.assertEqual(child.peer.hear(), (HEARTBEAT, {"sequence": 1, "busy": []}))
            child.peer.ack(1)
            self.assertEqual(child.peer.hear_all(), [(EXITING, {"intent": "done"})])
            self.assertEqual(child.finish(), (0, "", ""))

    def test_tasks_over_the_credits_are_refused(self):
        child = self.start(UNTIL_CANCELLED, ", 2")
        for handle in (1, 2, 3):
            child.peer.task(handle)
        self.over(child, 76, "a task more than the 2 credits")

    def test_one_handle_for_two_tasks_is_refused(self):
        child = self.start(UNTIL_CANCELLED, ", 2")
        child.peer.task(1)
        child.peer.task(1)
        self.over(child, 76, "handle 1 for two tasks")

    def test_a_task_before_the_welcome_is_refused(self):
        with Child(pool_worker("pass")) as child:
            child.peer.hear()
            child.peer.task(1)
            self.over(child, 76, "a task more than the 0 credits")

    def test_a_reject_ends_it(self):
        with Child(pool_worker("pass")) as child:
            child.peer.hear()
            child.peer.say(REJECT, code="unsupported_protocol", message="speaks 2 to 3")
            self.over(child, 78, "speaks 2 to 3")

    def test_a_line_too_small_for_a_word_ends_it(self):
        with Child(pool_worker("pass")) as child:
            child.peer.hear()
            child.peer.say(WELCOME, **{**WELCOME_FIELDS, "max_frame": 1})
            code, _, err = child.finish()
            self.assertEqual(code, 70)
            self.assertIn("over the limit of 1", err)

    def test_a_supervisor_that_goes_while_the_worker_is_idle_leaves_nothing_undone(self):
        child = self.start("return 1")
        self.answered(child)
        child.peer.close()
        self.assertEqual(child.finish(), (0, "", ""))

    def test_a_supervisor_that_goes_without_an_ack_is_an_error(self):
        child = self.start("return 1")
        child.peer.task(1)
        child.peer.hear(), child.peer.hear()
        child.peer.close()
        self.over(child, 75, "the supervisor is gone")

    def test_a_task_whose_supervisor_is_gone_is_cancelled(self):
        for threaded in (True, False):
            body = "task.progress()\ntask.wait(60)\nprint(task.cancel_reason)\nwhile True: task.progress()"
            child = self.start(body, f", threaded={threaded}")
            child.peer.task(1)
            child.peer.hear(), child.peer.hear()
            child.peer.close()
            code, out, err = child.finish()
            self.assertEqual((code, out, len(err.splitlines())), (75, "lease_lost\n", 1))

    def test_a_frame_left_half_is_named_when_the_line_ends(self):
        child = self.start("return 1")
        child.peer.task(1)
        child.peer.hear(), child.peer.hear()
        child.peer.sock.sendall(packed(PING, {"sequence": 1})[:7])
        child.peer.close()
        self.over(child, 75, "in the middle of a frame")


class Relatives(PoolTest):
    def test_a_fork_of_a_handler_never_serves(self):
        body = (
            "pid = os.fork()\n"
            "return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if pid else 'I am not he'"
        )
        for threaded in (True, False):
            quiet = "import warnings; warnings.simplefilter('ignore')\n"
            child = Child(quiet + pool_worker(body, f", threaded={threaded}"))
            self.addCleanup(child.__exit__)
            child.peer.hear()
            child.peer.welcome()
            child.peer.hear()
            self.assertEqual(self.answered(child), [(RESULT, {"handle": 1, "data": 75})])
            child.peer.drain()
            self.assertEqual(child.peer.hear_all(), [(EXITING, {"intent": "done"})])
            code, _, err = child.finish()
            self.assertEqual((code, len(err.splitlines())), (0, 1))
            self.assertIn("is a fork of the worker", err)

    def test_connect_in_a_handler_is_the_worker_that_serves(self):
        child = self.start("connect().status('working')\nreturn connect().welcome().unit")
        heard = self.answered(child)
        self.assertEqual([fields for _, fields in heard], [{"text": "working"}, {"handle": 1, "data": "web"}])
        self.ended(child)


if __name__ == "__main__":
    unittest.main()
