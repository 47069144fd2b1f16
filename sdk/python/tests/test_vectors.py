"""The golden frames: what the reference encoder writes, this package reads; what it writes, the reference reads."""

import json
import struct
import unittest

import msgpack
from peer import VECTORS

from hearken_worker import NotSendable, ProtocolError, frame, messages

FILES = sorted(VECTORS.glob("[0-9]*.json"))


def body(text):
    data = bytes.fromhex(text)
    (length,) = struct.unpack(">I", data[:4])
    assert length == len(data) - 4
    return data[4:]


def rejected():
    return json.loads((VECTORS / "rejected.json").read_text())


def fields_of(name, case):
    """The fields as a frame holds them: JSON mode has the message in `kind`, so the kind of an error moves."""
    fields = {key: value for key, value in case["json"].items() if key != "kind"}
    if name == "error":
        fields["kind"] = fields.pop("error_kind")
    opaque = ("data", "payload") if case.get("binary") else ()
    always = {"chunk": ("data",), "checkpoint": ("data",), "task": ("checkpoint",)}.get(name, ())
    return {key: value.encode() if key in (*opaque, *always) else value for key, value in fields.items()}


class Vectors(unittest.TestCase):
    def each(self, direction):
        told = [json.loads(path.read_text()) for path in FILES]
        cases = [(file, case) for file in told if file["direction"] == direction for case in file["cases"]]
        self.assertTrue(cases, f"no golden frames in {VECTORS}")
        return cases

    def test_everything_the_supervisor_says_is_read(self):
        for told, case in self.each("to_child"):
            for text in [case["frame"], *case["also"]]:
                with self.subTest(f"{told['name']}, {case['about']}: {text}"):
                    message = messages.read(*frame.decode(body(text)))
                    self.assertEqual(message.name, told["name"])
                    if case["json"] is not None:  # null: JSON cannot say it; that it is read is all
                        self.assertEqual(message.fields, fields_of(told["name"], case))

    def test_everything_a_child_says_is_written(self):
        for told, case in self.each("to_supervisor"):
            if case["json"] is None:
                continue
            with self.subTest(f"{told['name']}, {case['about']}"):
                kind, fields = messages.compose(told["name"], fields_of(told["name"], case))
                written = frame.encode(kind, fields, frame.MAX_FRAME_CEILING)
                self.assertEqual(kind, told["kind"])
                # Value for value; then byte for byte, since both write the fields in the order of the protocol.
                self.assertEqual(msgpack.unpackb(written[4:]), msgpack.unpackb(body(case["frame"])))
                self.assertEqual(written.hex(), case["frame"])

    def test_every_message_of_the_protocol_has_its_vectors(self):
        told = {json.loads(path.read_text())["name"] for path in FILES}
        known = {shape.name for shape in (*messages.TO_CHILD.values(), *messages.TO_SUPERVISOR.values())}
        self.assertEqual(told, known)

    def test_what_is_no_frame_there_is_none_here(self):
        # They are frames of a child: for a child it is the form that must be refused, the direction is wrong anyway.
        forms = (
            "empty_frame not_a_message truncated trailing_bytes reserved_byte too_deep bad_kind fields_not_a_map"
            " duplicate_field"
        ).split()
        seen = set()
        for case in rejected():
            if case["code"] in forms:
                seen.add(case["code"])
                with self.subTest(case["about"]), self.assertRaises(ProtocolError):
                    splitter = frame.FrameSplitter()
                    splitter.feed(bytes.fromhex(case["frame"]))
                    frame.decode(splitter.next(frame.MAX_FRAME_CEILING))
        self.assertEqual(seen, set(forms))

    def test_what_the_supervisor_would_reject_is_not_written(self):
        codes = ("invalid_field", "missing_field", "field_too_large", "supervisor_only_kind")
        seen = 0
        for case in rejected():
            if case["code"] not in codes or case["about"] == "a key that is no string":
                continue
            seen += 1
            kind, fields = frame.decode(body(case["frame"]))
            with self.subTest(case["about"]), self.assertRaises(NotSendable):
                messages.compose(messages.TO_SUPERVISOR[kind].name, fields)
        self.assertGreater(seen, 20)


if __name__ == "__main__":
    unittest.main()
