"""A worker in this process, with the test as its supervisor."""

import io
import os
import threading
import time
import unittest
from contextlib import redirect_stderr, redirect_stdout

from peer import (
    DRAIN,
    ERROR,
    EVENT,
    EXITING,
    HEARTBEAT,
    HELLO,
    LOG,
    METRIC,
    PATIENCE,
    PING,
    PROGRESS,
    READY,
    REJECT,
    STATUS,
    TASK,
    WELCOME,
    WELCOME_FIELDS,
    packed,
    pair,
)

from hearken_worker import FrameTooLarge, LineError, LineLost, NotSendable, ProtocolError, Rejected, Worker
from hearken_worker.half import HalfFrame
from hearken_worker.line import Line


class WorkerTest(unittest.TestCase):
    """Every promise holds with the background thread and without."""

    threaded = True

    def setUp(self):
        self.peer, theirs = pair()
        self.worker = Worker(Line(theirs), threaded=self.threaded)
        self.addCleanup(self.peer.close)
        self.addCleanup(self.worker.close)
        self.hello = self.peer.hear()

    def test_hello_is_the_first_word(self):
        kind, fields = self.hello
        self.assertEqual(kind, HELLO)
        self.assertEqual(fields["protocol"], [1, 1])
        self.assertEqual(fields["pid"], os.getpid())
        self.assertIn("hearken-python/", fields["sdk"])
        self.assertIn("python 3", fields["language"])

    def test_nothing_waits_for_the_welcome(self):
        self.worker.ready()
        self.assertEqual(self.peer.hear(), (READY, {}))
        self.peer.welcome(config={"colour": "red"}, heartbeat_ms=3_600_000)
        welcome = self.worker.welcome()
        self.assertEqual((welcome.unit, welcome.instance, welcome.config["colour"]), ("web", 2, "red"))

    def test_a_welcome_that_does_not_come_is_an_error_with_a_bound(self):
        with self.assertRaisesRegex(LineError, "did not answer"):
            self.worker.welcome(timeout=0.01)

    def test_a_welcome_that_will_never_come_is_an_error(self):
        self.peer.close()
        with self.assertRaisesRegex(LineLost, "gone"):
            self.worker.welcome()

    def test_what_is_said_arrives(self):
        self.worker.ready(credits=4)
        self.worker.status("up")
        self.worker.progress(3, 9, "files", stage="resize", message="on it")
        self.worker.log("warning", "disk is filling", level=7, path="/var")
        self.worker.error(ValueError("broken"))
        self.assertEqual(self.peer.hear(), (READY, {"credits": 4}))
        self.assertEqual(self.peer.hear(), (STATUS, {"text": "up"}))
        self.assertEqual(
            self.peer.hear(),
            (PROGRESS, {"done": 3, "total": 9, "unit": "files", "stage": "resize", "message": "on it"}),
        )
        kind, log = self.peer.hear()
        self.assertEqual((kind, log["level"], log["fields"]), (LOG, 3, {"level": 7, "path": "/var"}))
        self.assertAlmostEqual(log["time"] / 1e6, time.time(), delta=60)
        kind, error = self.peer.hear()
        self.assertEqual((kind, error["kind"], error["code"]), (ERROR, "bug", "ValueError"))

    def test_a_ping_is_answered_with_its_sequence(self):
        self.peer.say(PING, sequence=2**64 - 1)
        self.worker.wait(0.01 if self.threaded else 0)
        self.assertEqual(self.peer.hear(), (HEARTBEAT, {"sequence": 2**64 - 1}))

    def test_heartbeats_come_as_often_as_welcome_asks(self):
        self.peer.welcome(heartbeat_ms=1)
        self.worker.welcome()
        if not self.threaded:
            self.worker.wait(0.02)
        self.assertEqual(self.peer.hear(), (HEARTBEAT, {"sequence": 0}))
        self.assertEqual(self.peer.hear(), (HEARTBEAT, {"sequence": 0}))

    def test_a_frame_in_pieces_is_one_frame(self):
        whole = packed(DRAIN, {"grace_ms": 1500, "reason": "deploy"})
        heard = threading.Event()
        self.worker.on_drain(lambda _: heard.set())
        for byte in whole[:-1]:
            self.peer.sock.sendall(bytes([byte]))
            self.assertFalse(self.worker.draining)
        self.peer.sock.sendall(whole[-1:])
        self.assertTrue(self.worker.wait(PATIENCE))
        self.assertTrue(heard.wait(PATIENCE))

    def test_a_drain_ends_a_wait_and_calls_back_once(self):
        drains = []
        done = threading.Event()
        self.worker.on_drain(drains.append)
        self.worker.on_drain(lambda _: done.set())
        self.assertFalse(self.worker.draining)
        self.peer.say(DRAIN, grace_ms=1500, reason="deploy")
        self.peer.say(DRAIN, grace_ms=100, reason="again")
        started = time.monotonic()
        self.assertTrue(self.worker.wait(PATIENCE))
        self.assertTrue(self.worker.wait(PATIENCE), "while draining it returns at once")
        self.assertLess(time.monotonic() - started, PATIENCE)
        self.assertTrue(done.wait(PATIENCE))
        self.assertEqual(len(drains), 1)
        self.assertTrue(self.worker.draining)
        late = []
        self.worker.on_drain(late.append)
        self.assertEqual(len(late), 1, "a callback that comes late is called at once")
        self.worker.status("finishing")
        self.assertEqual(self.peer.hear(), (STATUS, {"text": "finishing"}))

    def test_a_heartbeat_every_49_days_is_waited_for(self):
        self.peer.welcome(heartbeat_ms=2**32 - 1)
        self.worker.welcome()
        self.peer.say(PING, sequence=1)
        self.worker.wait(0.01 if self.threaded else 0)
        self.assertEqual(self.peer.hear(), (HEARTBEAT, {"sequence": 1}))

    def test_a_drain_says_why_and_how_fast(self):
        self.peer.say(DRAIN, grace_ms=1500, reason="deploy")
        self.worker.wait()
        self.assertEqual((self.worker.drain.reason, self.worker.drain.grace), ("deploy", 1.5))

    def test_a_wait_without_news_lasts_its_time(self):
        started = time.monotonic()
        self.assertFalse(self.worker.wait(0.02))
        self.assertGreaterEqual(time.monotonic() - started, 0.02)

    def test_a_reject_is_an_exception(self):
        self.peer.say(REJECT, code="protocol", message="speaks 2 to 3")
        with self.assertRaisesRegex(Rejected, "speaks 2 to 3"):
            self.worker.wait()
        with self.assertRaises(Rejected):
            self.worker.ready()
        self.assertTrue(self.worker.draining)

    def test_a_reject_before_the_end_of_the_line_is_not_missed(self):
        self.peer.say(REJECT, code="protocol", message="no")
        self.peer.close()
        with self.assertRaises(Rejected):
            for _ in range(3):
                self.worker.ready()

    def test_the_end_of_the_line_drains_and_what_is_said_after_it_is_an_error(self):
        self.peer.close()
        self.assertTrue(self.worker.wait())
        self.assertIn("gone", self.worker.drain.reason)
        for _ in range(2):
            with self.assertRaisesRegex(LineLost, "gone"):
                self.worker.status("anybody?")

    def test_what_cannot_be_understood_ends_the_line(self):
        for about, data in {
            "a frame over the limit": b"\x7f\xff\xff\xff",
            "a frame of nothing": b"\0\0\0\0",
            "not a frame": b"\0\0\0\x03abc",
            "an unknown critical kind": packed(63, {}),
            "a task for a service": packed(
                TASK, {"handle": 1, "id": "x", "attempt": 1, "crashes": 0, "payload": None}
            ),
        }.items():
            with self.subTest(about):
                peer, theirs = pair()
                worker = Worker(Line(theirs), threaded=self.threaded)
                peer.sock.sendall(data)
                with self.assertRaises(ProtocolError):
                    worker.wait(PATIENCE)
                self.assertEqual([kind for kind, _ in peer.hear_all()], [HELLO])
                worker.close()
                peer.close()

    def test_a_frame_left_half_ends_the_line(self):
        peer, theirs = pair()
        worker = Worker(Line(theirs, HalfFrame(0.03)), threaded=self.threaded)
        peer.hear()
        peer.sock.sendall(packed(PING, {"sequence": 1}) + packed(PING, {"sequence": 2})[:7])
        with self.assertRaisesRegex(ProtocolError, "half after 7 bytes"):
            worker.wait(PATIENCE)
        self.assertEqual(peer.hear_all(), [(HEARTBEAT, {"sequence": 1})])
        worker.close()
        peer.close()

    def test_unknown_ancillary_messages_are_dropped(self):
        self.peer.say(100, whatever=[1])
        self.peer.say(PING, sequence=5)
        self.worker.wait(0.01 if self.threaded else 0)
        self.assertEqual(self.peer.hear(), (HEARTBEAT, {"sequence": 5}))

    def test_the_limit_of_a_frame_is_64_kib_until_welcome_says_otherwise(self):
        fields = {f"field{i}": "x" * 8000 for i in range(9)}
        with self.assertRaisesRegex(FrameTooLarge, "limit of 65536"):
            self.worker.log("info", "much", **fields)
        # Its limit counts for the frame right behind it, too.
        body = {"grace_ms": 1, "reason": "x" * 70_000}
        self.peer.sock.sendall(packed(WELCOME, WELCOME_FIELDS) + packed(DRAIN, body))
        self.worker.wait()
        self.worker.log("info", "much", **fields)
        self.assertEqual(self.peer.hear()[0], LOG)

    def test_an_error_too_large_for_a_frame_is_told_without_its_details(self):
        from hearken_worker import Invalid

        self.worker.error(Invalid("bad rows", details={f"row{i}": "x" * 8000 for i in range(9)}))
        _, fields = self.peer.hear()
        self.assertEqual(fields["message"], "bad rows")
        self.assertIn("limit", fields["details"]["dropped"])

    def test_frames_of_many_threads_never_interleave(self):
        self.peer.welcome()
        self.worker.welcome()
        count, size = 8, 120_000  # far more than a socket holds: every write is partial
        text = {"f%d" % i: "x" * 8000 for i in range(size // 8000)}
        threads = [
            threading.Thread(target=self.worker._line.send, args=("event", {"name": str(n), "fields": text}))
            for n in range(count)
        ]
        for thread in threads:
            thread.start()
        heard = [self.peer.hear() for _ in threads]
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(fields["name"] for _, fields in heard), [str(n) for n in range(count)])
        self.assertTrue(all(fields["fields"] == text for _, fields in heard))

    def test_after_exiting_only_farewells_are_said(self):
        self.worker.exiting("restart_now", "upgrade")
        for late in (self.worker.ready, self.worker.exiting, self.worker.progress):
            with self.assertRaisesRegex(NotSendable, "after exiting"):
                late()
        self.worker.status("bye")
        self.worker.log("info", "bye")
        self.worker.heartbeat()
        self.worker.metric("byes", 1)
        self.worker.event("bye.said")
        self.worker.close()
        heard = self.peer.hear_all()
        self.assertEqual(heard[0], (EXITING, {"intent": "restart_now", "reason": "upgrade"}))
        self.assertEqual([kind for kind, _ in heard[1:]], [STATUS, LOG, HEARTBEAT, METRIC, EVENT])

    def test_a_close_is_no_drain(self):
        drains = []
        self.worker.on_drain(drains.append)
        self.worker.close()
        self.assertEqual(drains, [])
        self.assertIsNone(self.worker.drain)

    def test_close_leaves_no_descriptor_behind(self):
        before = set(os.listdir("/proc/self/fd"))
        peer, theirs = pair()
        worker = Worker(Line(theirs), threaded=self.threaded)
        worker.close()
        worker.close()
        peer.close()
        self.assertEqual(set(os.listdir("/proc/self/fd")), before)

    def test_the_line_is_closed_on_exec(self):
        self.assertFalse(os.get_inheritable(self.worker._line.fileno()))


class WorkerWithoutThreadTest(WorkerTest):
    threaded = False


class CallbackTest(unittest.TestCase):
    def test_a_callback_that_raises_in_the_thread_is_told_as_a_bug(self):
        peer, theirs = pair()
        worker = Worker(Line(theirs))
        peer.hear()

        def stumble(drain):
            raise RuntimeError("stumbled")

        worker.on_drain(stumble)
        peer.say(DRAIN, grace_ms=1, reason="x")
        kind, fields = peer.hear()
        self.assertEqual((kind, fields["code"], fields["message"]), (ERROR, "RuntimeError", "stumbled"))
        peer.say(PING, sequence=9)
        self.assertEqual(peer.hear(), (HEARTBEAT, {"sequence": 9}), "the line goes on")
        worker.close()
        peer.close()


class UnsupervisedTest(unittest.TestCase):
    def test_what_would_have_been_said_is_printed(self):
        worker = Worker()
        self.addCleanup(worker.close)
        self.assertFalse(worker.supervised)
        self.assertIsNone(worker.welcome())
        with redirect_stderr(io.StringIO()) as printed:
            worker.ready()
            worker.progress(3, 9, "files", message="two\nlines")
            worker.log("warn", "disk", left="1 GiB")
            worker.heartbeat()
            worker.status("up")
            worker.exiting()
        self.assertEqual(
            printed.getvalue().splitlines(),
            [
                "hearken: ready",
                "hearken: progress 3/9 files two lines",
                "hearken: warn: disk left=1 GiB",
                "hearken: status: up",
                "hearken: exiting intent=done",
            ],
        )

    def test_a_terminal_that_went_away_stops_nothing(self):
        worker = Worker()
        self.addCleanup(worker.close)
        with redirect_stderr(None), redirect_stdout(io.StringIO()) as printed:
            worker.status("up")
        self.assertEqual(printed.getvalue(), "", "standard output is the program's")


if __name__ == "__main__":
    unittest.main()
