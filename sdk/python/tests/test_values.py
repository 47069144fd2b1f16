"""Texts are cut, free-form values become sendable."""

import datetime
import enum
import pathlib
import unittest

import peer  # noqa: F401  (puts the package on the path)

from hearken_worker import Bug, Failure, NotFound, RateLimited, Transient
from hearken_worker.ending import describe
from hearken_worker.values import MARK, cut, plain


class Colour(enum.IntEnum):
    RED = 1


class Deadlock(Transient):
    code = "db.deadlock"


class Clumsy(Transient):
    def __init__(self, where):
        self.where = where


class Cutting(unittest.TestCase):
    def test_text_within_the_limit_stays(self):
        self.assertEqual(cut("ä" * 4096), "ä" * 4096)

    def test_a_cut_keeps_characters_whole_and_counts_its_mark(self):
        self.assertEqual(cut("ä" * 16, 16), "ääää" + MARK)
        self.assertEqual(cut("ä" * 16, 17), "ääää" + MARK)
        self.assertEqual(cut(cut("x" * 99, 50), 50), cut("x" * 99, 50))
        self.assertEqual(len(cut("a" + "€" * 9999).encode()), 8190)

    def test_a_lone_surrogate_does_not_stop_a_message(self):
        self.assertEqual(cut("a\udcff"), "a?")
        self.assertEqual(cut(ValueError("what people log")), "what people log")


class Plain(unittest.TestCase):
    def test_what_cannot_be_sent_becomes_text(self):
        value = {
            1: pathlib.Path("/tmp"),
            "when": datetime.date(2026, 1, 2),
            "nan": float("nan"),
            "big": 2**64,
            "red": Colour.RED,
            "bytes": b"a\xff",
            "set": {1},
        }
        self.assertEqual(
            plain(value),
            {
                "1": "/tmp",
                "when": "2026-01-02",
                "nan": "nan",
                "big": "18446744073709551616",
                "red": 1,
                "bytes": "a\ufffd",
                "set": [1],
            },
        )

    def test_a_value_that_holds_itself_ends(self):
        endless = []
        endless.append(endless)
        self.assertIn("[[[", repr(plain(endless)))


class Describing(unittest.TestCase):
    def test_a_failure_says_what_it_is(self):
        self.assertEqual(
            {key: value for key, value in describe(RateLimited(after=30)).items() if value is not None},
            {"kind": "rate_limited", "code": "rate_limited", "message": "rate limited", "retry_after_ms": 30_000},
        )
        said = describe(NotFound("no such user", code="user.gone", scope="task", details={"id": 7}))
        self.assertEqual((said["code"], said["scope"], said["details"]), ("user.gone", "task", {"id": 7}))

    def test_a_subclass_names_itself(self):
        self.assertEqual(describe(Deadlock())["code"], "db.deadlock")
        self.assertEqual(describe(Clumsy("here"))["code"], "Clumsy")
        self.assertEqual(describe(Clumsy("here"))["message"], "here")

    def test_an_absurd_delay_is_brought_into_range(self):
        for after, ms in ((-1, 0), (float("nan"), 0), (float("inf"), 3_153_600_000_000), (0.25, 250)):
            self.assertEqual(describe(Transient(after=after))["retry_after_ms"], ms)

    def test_any_other_exception_is_a_bug_with_trace_and_causes(self):
        try:
            try:
                raise KeyError("inner")
            except KeyError as inner:
                raise ValueError("x" * 40_000) from inner
        except ValueError as error:
            said = describe(error)
        self.assertEqual((said["kind"], said["code"]), (Bug.kind, "ValueError"))
        self.assertEqual(len(said["message"].encode()), 8192)
        self.assertLessEqual(len(said["trace"].encode()), 32 * 1024)
        self.assertTrue(said["message"].endswith(MARK) and said["trace"].endswith(MARK))
        self.assertEqual(said["causes"], [{"code": "KeyError", "message": "'inner'"}])

    def test_every_kind_has_its_class_and_exit_code(self):
        from hearken_worker.messages import ERROR_KINDS

        codes = {cls.kind: cls.exit_code for cls in Failure.__subclasses__() if cls.__module__ == Failure.__module__}
        self.assertEqual(sorted(codes), sorted(ERROR_KINDS))
        self.assertEqual(
            codes,
            {
                "transient": 75,
                "timeout": 75,
                "rate_limited": 75,
                "conflict": 75,
                "cancelled": 75,
                "unavailable": 69,
                "resource": 71,
                "invalid": 65,
                "not_found": 66,
                "denied": 77,
                "config": 78,
                "bug": 70,
            },
        )


if __name__ == "__main__":
    unittest.main()
