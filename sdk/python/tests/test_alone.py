"""Without a supervisor: one task from the arguments, standard input and the environment."""

import json
import signal
import subprocess
import sys
import unittest

from peer import PATIENCE, environment, pool_worker


def program(handler):
    return [sys.executable, "-W", "error", "-c", pool_worker(handler)]


class Alone(unittest.TestCase):
    def run_one(self, handler, *arguments, piped=b"", **variables):
        env = {**environment(), **variables}
        done = subprocess.run(
            [*program(handler), *arguments], input=piped, capture_output=True, env=env, timeout=PATIENCE
        )
        return done.returncode, done.stdout, done.stderr.decode()

    def test_the_payload_is_the_argument_or_standard_input_json_or_text(self):
        deep = "[" * 100_000
        for text, payload in (
            ('{"width": 7}', {"width": 7}),
            ("7", 7),
            ("resize\n", "resize\n"),
            ("", ""),
            ("{broken", "{broken"),
            ("ä", "ä"),
            (deep, deep),
        ):
            with self.subTest(text[:20]):
                expected = (0, json.dumps(payload, ensure_ascii=False).encode() + b"\n", "")
                self.assertEqual(self.run_one("return task.payload", text, piped=b"unread"), expected)
                self.assertEqual(self.run_one("return task.payload", piped=text.encode()), expected)

    def test_input_that_is_no_text_is_bytes_and_bytes_are_printed_as_they_are(self):
        self.assertEqual(self.run_one("return task.payload", piped=b"\xff\0"), (0, b"\xff\0", ""))
        result = "return Result(b'png', 'image/png', {'rows': 1})"
        self.assertEqual(self.run_one(result), (0, b"png", ""))

    def test_the_environment_says_which_task_it_is(self):
        names = "[task.id, task.attempt, task.crashes, task.type, task.key, task.deadline]"
        code, out, _ = self.run_one(
            f"return {names}",
            HEARKEN_TASK_ID="t1",
            HEARKEN_TASK_ATTEMPT="3",
            HEARKEN_TASK_TYPE="resize",
            HEARKEN_TASK_KEY="k1",
        )
        self.assertEqual((code, json.loads(out)), (0, ["t1", 3, 0, "resize", "k1", None]))
        code, out, _ = self.run_one(f"return {names}")
        id, *rest = json.loads(out)
        self.assertEqual((len(id), rest), (36, [1, 0, None, id, None]))

    def test_an_attempt_that_is_no_number_is_refused(self):
        for attempt in ("first", "-1", "9" * 5000, "٣"):
            code, out, err = self.run_one("return 1", HEARKEN_TASK_ATTEMPT=attempt)
            self.assertEqual((code, out), (78, b""))
            self.assertIn("set it to a number from 1 or unset it", err)

    def test_a_type_chooses_the_handler(self):
        handlers = "work = {'a': lambda task: 1, 'b': lambda task: 2}"
        self.assertEqual(self.run_one(handlers, HEARKEN_TASK_TYPE="b")[:2], (0, b"2\n"))
        code, _, err = self.run_one(handlers, HEARKEN_TASK_TYPE="c")
        self.assertEqual(code, 65)
        self.assertIn("task.type_unknown", err)

    def test_what_it_would_have_said_stands_on_standard_error(self):
        code, out, err = self.run_one(
            "task.progress(1, 2)\ntask.checkpoint(b'x')\ntask.event('a.b', n=1)\ntask.metric('c', 1)"
        )
        self.assertEqual((code, out), (0, b"null\n"))
        self.assertEqual(
            err.splitlines(),
            [
                "hearken: progress 1/2",
                "hearken: checkpoint sequence=0 data=b'x'",
                "hearken: event name=a.b fields={'n': 1}",
                "hearken: metric name=c type=c value=1.0",
            ],
        )

    def test_every_end_has_its_exit_code(self):
        for raised, expected in (
            ("Transient()", 75),
            ("RateLimited(after=1)", 75),
            ("Timeout()", 75),
            ("Conflict()", 75),
            ("Cancelled()", 75),
            ("Unavailable()", 69),
            ("Invalid()", 65),
            ("NotFound()", 66),
            ("Denied()", 77),
            ("Fatal()", 65),
            ("Fatal(retryable=True)", 65),
            ("Resource()", 71),
            ("WorkerBroken()", 71),
            ("Bug()", 70),
            ("KeyError('x')", 70),
            ("KeyboardInterrupt()", 130),
            ("Snooze(1.5, 'later')", 75),
        ):
            with self.subTest(raised):
                code, out, err = self.run_one(f"raise {raised}")
                self.assertEqual((code, out), (expected, b""))
                self.assertIn({130: "", 75: "hearken: "}.get(expected, "hearken: error "), err)
        self.assertIn("hearken: snooze delay_ms=1500 reason=later", err)

    def test_a_result_that_json_cannot_say_is_a_bug(self):
        for value in ("{1, 2}", "float('nan')", "'\\ud800'"):
            with self.subTest(value):
                code, out, err = self.run_one(f"return {value}")
                self.assertEqual((code, out), (70, b""))
                self.assertIn("hearken: error bug", err)

    def test_sigterm_cancels_the_task(self):
        body = "print('up', flush=True)\ntask.wait(60)\nprint(task.cancel_reason)\ntask.check()"
        with subprocess.Popen(
            [*program(body), "7"], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            self.assertEqual(process.stdout.readline(), "up\n")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, out), (75, "shutdown\n"))
        self.assertIn("error cancelled (cancelled): cancelled: shutdown", err)

    def test_a_reader_that_went_away_is_said(self):
        with subprocess.Popen(
            [*program("return 'x' * 1_000_000"), "7"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            process.stdout.close()
            err = process.stderr.read().decode()
        self.assertEqual((process.returncode, err), (74, "hearken: the result could not be written: Broken pipe\n"))


if __name__ == "__main__":
    unittest.main()
