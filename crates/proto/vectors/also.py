#!/usr/bin/env python3
"""Fills the `also` lists of the vectors: the same messages as other libraries and other habits write them.

Run it after a bless, then run the vector tests. Needs python3-msgpack, and php with the msgpack extension.
"""

import json
import struct
import subprocess
from pathlib import Path

import msgpack

HERE = Path(__file__).parent
# Passed on untouched: another encoding of these is another value.
OPAQUE = {"payload", "config", "details", "fields", "summary", "labels", "headers", "last_error"}
BYTES = {("chunk", "data"), ("checkpoint", "data"), ("task", "checkpoint")}
OPTIONAL = {
    "progress": ["handle", "done", "message"],
    "log": ["handle", "fields", "time"],
    "error": ["handle", "details", "causes", "retry_after_ms"],
    "task": ["checkpoint", "last_error"],
}


def main():
    for path in sorted(HERE.glob("[0-9]*.json")):
        vector = json.loads(path.read_text())
        kind, name = vector["kind"], vector["name"]
        for case in vector["cases"]:
            case["also"] = []
            if case["json"] is None or case.get("binary"):
                continue
            # An error has a field `kind` of its own, which JSON mode calls `error_kind`.
            fields = {key: value for key, value in case["json"].items() if key != "kind"}
            fields = {"kind" if key == "error_kind" else key: value for key, value in fields.items()}
            frames = [frame.hex() for frame in by_python(kind, name, fields)]
            # PHP has no integer above 2^63-1.
            if all(type(value) is not int or value < 2**63 for value in fields.values()):
                frames += by_php(kind, fields)
            case["also"] = [frame for frame in dict.fromkeys(frames) if frame != case["frame"]]
        path.write_text(json.dumps(vector, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


def by_python(kind, name, fields):
    """Another order, keys of a later version, floats for integers, bin for bytes, nil for what is left out."""
    yield framed(kind, fields)
    yield framed(kind, dict(reversed(list(fields.items()))))
    yield framed(kind, {**fields, "from_a_later_version": {"deep": [1, None, 2.5]}})
    opaque = OPAQUE | ({"data"} if name == "result" else set())
    yield framed(
        kind,
        {
            key: float(value) if type(value) is int and value < 2**53 and key not in opaque else value
            for key, value in fields.items()
        },
    )
    for key in fields:
        if (name, key) in BYTES:
            yield framed(kind, {**fields, key: fields[key].encode()})
    yield framed(kind, {**{key: None for key in OPTIONAL.get(name, [])}, **fields})


def by_php(kind, fields):
    """Bytes as str, and an empty map as an empty array."""
    script = ["php", str(HERE / "also.php")]
    done = subprocess.run(script, input=json.dumps([kind, fields]), capture_output=True, text=True, check=True)
    return done.stdout.split()


def framed(kind, fields):
    body = msgpack.packb([kind, fields], use_bin_type=True)
    return struct.pack(">I", len(body)) + body


if __name__ == "__main__":
    main()
