"""The programs that are measured: built from this repository."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


def say(text):
    print(text, file=sys.stderr, flush=True)


def build(package, binary):
    """A release build, as it is shipped."""
    say(f"building {binary} --release")
    command = ["cargo", "build", "--release", "-p", package, "--bin", binary]
    command.append("--message-format=json-render-diagnostics")
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True)
    messages = (json.loads(line) for line in done.stdout.splitlines())
    found = [one["executable"] for one in messages if one.get("executable")]
    return Path(found[-1])


def compile_c(name, into):
    program = into / name
    subprocess.run(["cc", "-O2", "-static", "-o", program, HERE / f"{name}.c"], check=True)
    return program
