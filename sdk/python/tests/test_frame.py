"""Frames and messages against bytes by hand."""

import unittest

import msgpack
from peer import PING, packed

from hearken_worker import FrameTooLarge, NotSendable, ProtocolError
from hearken_worker import frame, messages
from hearken_worker.half import HalfFrame


class Splitting(unittest.TestCase):
    def test_a_stream_in_single_bytes_gives_the_same_frames(self):
        stream = packed(PING, {"sequence": 1}) + packed(PING, {"sequence": 2})
        splitter = frame.FrameSplitter()
        bodies = []
        for byte in stream:
            splitter.feed(bytes([byte]))
            body = splitter.next(64)
            if body is not None:
                bodies.append(frame.decode(body))
        self.assertEqual(bodies, [(PING, {"sequence": 1}), (PING, {"sequence": 2})])
        self.assertEqual(splitter.kept, 0)

    def test_a_length_is_refused_before_its_bytes_have_come(self):
        for length, limit in ((0, 64), (65, 64), (0xFFFFFFFF, 1 << 20)):
            splitter = frame.FrameSplitter()
            splitter.feed(length.to_bytes(4, "big"))
            with self.assertRaisesRegex(ProtocolError, str(length)):
                splitter.next(limit)


class Halves(unittest.TestCase):
    def test_a_frame_has_five_seconds_from_its_first_byte_however_it_drips(self):
        half = HalfFrame()
        self.assertIsNone(half.deadline())
        half.note(True, False, 100)
        half.note(True, False, 103)
        self.assertEqual((half.deadline(), half.is_over(104.9), half.is_over(105)), (105, False, True))
        half.note(True, True, 104)
        self.assertEqual((half.is_over(105), half.is_over(109)), (False, True), "the frame behind a whole one")
        half.note(False, True, 109)
        self.assertEqual((half.deadline(), half.is_over(114)), (None, False))

    def test_a_program_that_did_not_look_gives_a_frame_its_time_again(self):
        half = HalfFrame()
        half.note(True, False, 100)
        self.assertEqual((half.is_over(160), half.deadline(), half.is_over(165)), (False, 165, True))


class Decoding(unittest.TestCase):
    def test_what_is_not_a_frame_is_refused(self):
        deep = b"\x91" * 31 + b"\x01"
        for about, body in {
            "an array of three": b"\x93\x26\x80\x80",
            "a map": b"\x80",
            "half a frame": b"\x92\x26",
            "bytes after the value": b"\x92\x26\x80\xc0",
            "the reserved byte": b"\x92\x26\xc1",
            "fields that are a list": b"\x92\x26\x91\x01",
            "a kind that is a boolean": b"\x92\xc3\x80",
            "a kind above 127": b"\x92\xcc\x80\x80",
            "a negative kind": b"\x92\xff\x80",
            "a list of 2^32-1": b"\x92\x26\x81\xa1a\xdd\xff\xff\xff\xff",
            "a map of 2^32-1": b"\x92\x26\xdf\xff\xff\xff\xff",
            "binary of 2^32-1": b"\x92\x26\x81\xa1a\xc6\xff\xff\xff\xff",
            "depth 33": b"\x92\x26\x81\xa1a" + deep,
            "depth 100,000": b"\x92\x26\x81\xa1a" + b"\x91" * 100_000,
            "a field twice": b"\x92\x26\x82\xa1a\x01\xa1a\x01",
        }.items():
            with self.subTest(about), self.assertRaises(ProtocolError):
                frame.decode(body)

    def test_depth_32_is_allowed(self):
        kind, fields = frame.decode(b"\x92\x26\x81\xa1a" + b"\x91" * 30 + b"\x01")
        self.assertEqual((kind, list(fields)), (PING, ["a"]))

    def test_languages_may_differ_in_three_ways(self):
        self.assertEqual(frame.decode(b"\x92\x26\x90"), (PING, {}), "PHP's empty map")
        self.assertEqual(frame.decode(msgpack.packb([38.0, {}])), (PING, {}), "JavaScript's integers")
        read = messages.read(PING, {"sequence": 2.0**40})
        self.assertEqual(read.fields["sequence"], 2**40)
        self.assertIsInstance(read.fields["sequence"], int)

    def test_opaque_values_may_hold_anything(self):
        body = b"\x92\x26\x82\xa1a" + b"\xd4\x05x" + b"\xa1b" + b"\xa1\xff"
        _, fields = frame.decode(body)
        self.assertEqual(fields["a"], msgpack.ExtType(5, b"x"))
        with self.assertRaises(ProtocolError):
            messages.read(33, {"code": fields["b"], "message": ""})


class Reading(unittest.TestCase):
    def test_unknown_keys_are_ignored(self):
        self.assertEqual(messages.read(PING, {"sequence": 1, "new": []}).fields, {"sequence": 1})

    def test_unknown_ancillary_kinds_are_dropped_and_critical_ones_are_not(self):
        self.assertIsNone(messages.read(127, {}))
        self.assertIsNone(messages.read(66, {}))
        for kind in (0, 37, 63):
            with self.assertRaisesRegex(ProtocolError, str(kind)):
                messages.read(kind, {})

    def test_a_message_of_a_child_is_not_taken_from_the_supervisor(self):
        for kind in messages.TO_SUPERVISOR:
            with self.assertRaises(ProtocolError):
                messages.read(kind, {})

    def test_fields_are_checked(self):
        for fields in ({}, {"sequence": None}, {"sequence": -1}, {"sequence": 2**64}, {"sequence": True}, {"sequence": "1"}):
            with self.subTest(fields), self.assertRaises(ProtocolError):
                messages.read(PING, fields)


class Writing(unittest.TestCase):
    def test_a_frame_over_the_limit_is_refused(self):
        with self.assertRaisesRegex(FrameTooLarge, "limit of 64"):
            frame.encode(14, {"text": "x" * 64}, 64)

    def test_wrong_fields_are_refused_where_they_are_written(self):
        for name, fields in {
            "progress": {"done": -1},
            "ready": {"credits": 1 << 16},
            "log": {"level": 6, "message": ""},
            "error": {"kind": "crashed", "code": "x", "message": "x"},
            "exiting": {"intent": "maybe"},
            "status": {"text": "\ud800"},
        }.items():
            with self.subTest(name), self.assertRaisesRegex(NotSendable, name):
                messages.compose(name, fields)
        with self.assertRaisesRegex(NotSendable, "no field"):
            messages.compose("ready", {"credit": 1})


if __name__ == "__main__":
    unittest.main()
