"""Real processes: how `run` ends, signals, forks and grandchildren, and a missing or broken line."""

import pathlib
import signal
import subprocess
import sys
import unittest

from peer import DRAIN, ERROR, EXITING, HELLO, PATIENCE, PING, READY, REJECT, ROOT, STATUS, Child, environment

RUN = "from hearken_worker import *\n{}\nrun(main, threaded={})"


def main_of(body, threaded=True):
    lines = "\n    ".join(body.splitlines())
    return RUN.format(f"def main(worker):\n    {lines}", threaded)


class Endings(unittest.TestCase):
    """What `run` makes of the end of main."""

    def ended(self, body, supervised=True):
        with Child(main_of(body), supervised=supervised) as child:
            # Reads to the end first: a child that waits in a write would never exit.
            heard = child.peer.hear_all() if supervised else []
            code, _, err = child.finish()
        return code, heard, err

    def test_a_return_is_done_and_exit_0(self):
        code, heard, err = self.ended("worker.ready()")
        self.assertEqual((code, heard[1:], err), (0, [(READY, {}), (EXITING, {"intent": "done"})], ""))

    def test_every_failure_is_an_error_and_its_exit_code(self):
        for raised, kind, expected in (
            ("Transient()", "transient", 75),
            ("RateLimited(after=30)", "rate_limited", 75),
            ("Timeout()", "timeout", 75),
            ("Unavailable('db', dependency='db')", "unavailable", 69),
            ("Conflict()", "conflict", 75),
            ("Resource()", "resource", 71),
            ("Invalid()", "invalid", 65),
            ("NotFound()", "not_found", 66),
            ("Denied()", "denied", 77),
            ("Fatal('no such table')", "config", 78),
            ("Bug()", "bug", 70),
            ("Cancelled()", "cancelled", 75),
        ):
            with self.subTest(raised):
                code, heard, err = self.ended(f"raise {raised}")
                self.assertEqual((code, err), (expected, ""))
                self.assertEqual([kind for kind, _ in heard], [HELLO, ERROR])
                self.assertEqual(heard[1][1]["kind"], kind)

    def test_any_other_exception_is_a_bug_with_its_trace(self):
        code, heard, err = self.ended("nothing = 0\n1 / nothing")
        self.assertEqual((code, err), (70, ""))
        error = heard[1][1]
        self.assertEqual((error["kind"], error["code"]), ("bug", "ZeroDivisionError"))
        self.assertIn("in main", error["trace"])

    def test_an_intent_of_main_is_the_last_word(self):
        code, heard, _ = self.ended("worker.exiting('stay_down', 'no licence')")
        self.assertEqual((code, heard[1:]), (0, [(EXITING, {"intent": "stay_down", "reason": "no licence"})]))

    def test_sys_exit_keeps_its_code_and_is_not_told(self):
        code, heard, err = self.ended("import sys\nsys.exit(3)")
        self.assertEqual((code, heard[1:], err), (3, [], ""))

    def test_without_a_supervisor_the_exit_codes_are_the_same(self):
        code, _, err = self.ended("worker.ready()\nraise RateLimited('slow down', after=30)", supervised=False)
        self.assertEqual(code, 75)
        self.assertEqual(
            err.splitlines(),
            ["hearken: ready", "hearken: error rate_limited (rate_limited): slow down retry_after_ms=30000"],
        )
        code, _, err = self.ended("1 / 0", supervised=False)
        self.assertEqual(code, 70)
        self.assertIn("Traceback", err)

    def test_a_reject_is_one_line_and_a_stop_for_good(self):
        for threaded in (True, False):
            with Child(main_of("worker.wait()", threaded)) as child:
                child.peer.hear()
                child.peer.say(REJECT, code="unsupported_protocol", message="speaks 2 to 3")
                code, _, err = child.finish()
            self.assertEqual(code, 78)
            self.assertEqual(len(err.splitlines()), 1)
            self.assertIn("speaks 2 to 3", err)

    def test_a_dead_supervisor_is_one_line_and_no_trace(self):
        with Child(main_of("worker.wait()\nworker.status('still here')")) as child:
            child.peer.hear()
            child.peer.close()
            code, _, err = child.finish()
        self.assertEqual((code, len(err.splitlines())), (75, 1))
        self.assertIn("gone", err)

    def test_work_that_was_finished_without_a_supervisor_is_finished(self):
        with Child(main_of("worker.wait()")) as child:
            child.peer.hear()
            child.peer.close()
            self.assertEqual(child.finish(), (0, "", ""))


class Signals(unittest.TestCase):
    """SIGTERM, with a supervisor and without, with the thread and without."""

    def drained(self, body, threaded=True, supervised=True, frame=False):
        with Child(main_of(body, threaded), supervised=supervised) as child:
            # "up" on standard output: from here on the handler is installed.
            self.assertEqual(child.process.stdout.readline(), "up\n")
            if frame:
                child.peer.say(DRAIN, grace_ms=1500, reason="deploy")
            child.process.send_signal(signal.SIGTERM)
            return child.finish()

    def test_sigterm_ends_a_wait(self):
        body = "print('up', flush=True)\nworker.wait()\nprint(worker.drain)"
        for threaded in (True, False):
            for supervised in (True, False):
                with self.subTest(threaded=threaded, supervised=supervised):
                    code, out, _ = self.drained(body, threaded, supervised)
                    self.assertEqual((code, out), (0, "Drain(reason='SIGTERM', grace=None)\n"))

    def test_sigterm_ends_a_wait_that_it_does_not_interrupt(self):
        # Taken by another thread, as it may be at any time. A signal just before the main thread waits is the same.
        blocked = "import signal, threading\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})\n"
        body = (
            "def pass_on():\n"
            "    signal.sigwait({signal.SIGUSR1})\n"
            "    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)\n"
            "threading.Thread(target=pass_on, daemon=True).start()\n"
            "print('up', flush=True)\n"
            "worker.wait()"
        )
        for threaded in (True, False):
            for supervised in (True, False):
                with self.subTest(threaded=threaded, supervised=supervised):
                    with Child(blocked + main_of(body, threaded), supervised=supervised) as child:
                        child.process.stdout.readline()
                        stat = pathlib.Path(f"/proc/{child.process.pid}/stat")
                        while stat.read_text().rpartition(")")[2].split()[0] != "S":
                            pass  # until the main thread waits
                        child.process.send_signal(signal.SIGUSR1)
                        self.assertEqual(child.finish()[0], 0)

    def test_bytes_of_signals_that_somebody_else_asked_for_stay_theirs(self):
        asked = (
            "import os, signal\n"
            "writable = os.pipe()[1]\n"
            "os.set_blocking(writable, False)\n"
            "signal.set_wakeup_fd(writable)\n"
        )
        with Child(asked + main_of("worker.wait(0)\nprint(signal.set_wakeup_fd(-1) == writable)")) as child:
            self.assertEqual(child.finish()[:2], (0, "True\n"))

    def test_drain_and_sigterm_are_one_drain_and_the_frame_says_more(self):
        body = "worker.on_drain(print)\nprint('up', flush=True)\nworker.wait()"
        for threaded in (True, False):
            with self.subTest(threaded=threaded):
                code, out, _ = self.drained(body, threaded, frame=True)
                self.assertEqual((code, out), (0, "Drain(reason='deploy', grace=1.5)\n"))

    def test_sigterm_ends_a_busy_loop(self):
        for threaded in (True, False):
            code, _, _ = self.drained("print('up', flush=True)\nwhile not worker.draining: pass", threaded)
            self.assertEqual(code, 0)

    def test_a_busy_main_does_not_look_dead(self):
        with Child(main_of("print('up', flush=True)\nwhile not worker.draining: pass")) as child:
            child.peer.hear()
            child.process.stdout.readline()
            for sequence in (1, 2):
                child.peer.say(PING, sequence=sequence)
                self.assertEqual(child.peer.hear()[1], {"sequence": sequence})
            child.peer.say(DRAIN, grace_ms=1, reason="x")
            self.assertEqual(child.finish()[0], 0)

    def test_a_handler_of_the_program_stays(self):
        code = (
            "import signal, sys\n"
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n" + main_of("print('up', flush=True)\nworker.wait()")
        )
        with Child(code) as child:
            child.process.stdout.readline()
            child.process.send_signal(signal.SIGTERM)
            self.assertEqual(child.finish()[0], 9)


class Relatives(unittest.TestCase):
    """Grandchildren and forks do not hold the line and do not speak on it."""

    def test_a_grandchild_has_neither_line_nor_variable(self):
        # The grandchild outlives the child; the line ends all the same.
        body = (
            "import subprocess, sys\n"
            "code = 'import os, sys; print(os.environ.get(\"HEARKEN_FD\"), flush=True); sys.stdin.read()'\n"
            "held = subprocess.Popen([sys.executable, '-c', code], close_fds=False, stdin=subprocess.PIPE)\n"
            "worker.status(str(held.pid))\n"
            "import os; os.dup2(held.stdin.fileno(), 1)\n"
        )
        with Child(main_of("import warnings; warnings.simplefilter('ignore')\n" + body)) as child:
            heard = child.peer.hear_all()
            self.assertEqual(child.process.stdout.readline(), "None\n")
            self.assertEqual(heard[-1], (EXITING, {"intent": "done"}))

    def test_a_fork_may_not_speak_and_ends_by_sigterm(self):
        body = (
            "import os, signal\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    try:\n"
            "        worker.status('I am not he')\n"
            "    except ForkedWorker:\n"
            "        print(worker.draining, flush=True)\n"
            "        signal.raise_signal(signal.SIGTERM)\n"
            "    os._exit(1)\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
            "worker.status('I am')\n"
        )
        with Child(main_of(body, threaded=False)) as child:
            self.assertEqual(child.peer.hear_all()[1:], [(STATUS, {"text": "I am"}), (EXITING, {"intent": "done"})])
            code, out, _ = child.finish()
            self.assertEqual((code, out), (0, "False\n-15\n"))

    def test_a_process_has_one_worker(self):
        with Child(main_of("print(connect() is worker)")) as child:
            self.assertEqual(child.finish()[1], "True\n")


class BrokenLines(unittest.TestCase):
    """HEARKEN_FD is set, but wrong: what, why and the next step, in one line, and exit 78."""

    def test_each_says_why(self):
        for fd, why in (
            ("three", "not the number"),
            ("", "not the number"),
            ("-1", "not the number"),
            ("1023", "not open"),
            ("99999999999999999999", "not open"),
            ("0", "not a socket"),
        ):
            with self.subTest(fd):
                with Child(main_of("pass"), supervised=False, fd=fd) as child:
                    code, _, err = child.finish()
                self.assertEqual((code, len(err.splitlines())), (78, 1))
                self.assertIn(f"HEARKEN_FD={fd!r}", err)
                self.assertIn(why, err)
                self.assertIn("unset it to run without a supervisor", err)


class Examples(unittest.TestCase):
    def test_the_task_worker_does_one_task_from_anywhere_without_installation(self):
        path = ROOT / "examples" / "tasks.py"
        done = subprocess.run(
            [sys.executable, path, "/dev/null"], cwd="/", env=environment(), capture_output=True, timeout=PATIENCE
        )
        self.assertEqual((done.returncode, done.stdout), (0, b'{"lines": 0, "words": 0}\n'))

    def test_it_runs_from_anywhere_without_installation(self):
        path = ROOT / "examples" / "worker.py"
        process = subprocess.Popen(
            [sys.executable, path], cwd="/", env=environment(), stderr=subprocess.PIPE, text=True
        )
        with process:
            self.assertEqual(process.stderr.readline(), "hearken: ready\n")
            process.terminate()
            _, err = process.communicate(timeout=PATIENCE)
        self.assertIn("exiting intent=done", err)
        self.assertEqual(process.returncode, 0)

    def test_the_readme_shows_it(self):
        readme = pathlib.Path(ROOT / "README.md").read_text()
        shown = [part.split("```")[0] for part in readme.split("```python\n")[1:]]
        self.assertEqual(len(shown), 4)
        for each in shown:
            compile(each, "README.md", "exec")
        self.assertLessEqual(len([line for line in shown[0].splitlines() if line]), 8)


if __name__ == "__main__":
    unittest.main()
