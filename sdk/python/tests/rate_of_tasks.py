"""How many empty tasks a second one worker does: `python3 rate_of_tasks.py [tasks]`, on a quiet machine."""

import sys
import time

from peer import ACK, RESULT, TASK, TASK_ID, Child, packed

WORKER = "from hearken_worker import run_tasks\nrun_tasks(lambda task: None, {}, threaded={})"


def rate(credits, threaded, count):
    """Tasks a second; every result is acked, in one write with the next task."""
    first = {"id": TASK_ID, "attempt": 1, "crashes": 0}
    sent = done = 0
    with Child(WORKER.format(credits, threaded)) as child:
        sock = child.peer.sock
        child.peer.hear()
        child.peer.welcome()
        child.peer.hear()
        started = time.monotonic()
        kept, answer = b"", b""
        for _ in range(credits):
            sent += 1
            answer += packed(TASK, {"handle": sent, **first, "payload": sent})
        while done < count:
            if answer:
                sock.sendall(answer)
            more = sock.recv(1 << 16)
            if not more:
                raise EOFError(f"the worker ended: {child.finish()}")
            kept += more
            at, answer = 0, b""
            while len(kept) - at >= 4 and len(kept) - at >= 4 + int.from_bytes(kept[at : at + 4], "big"):
                end = at + 4 + int.from_bytes(kept[at : at + 4], "big")
                if kept[at + 5] == RESULT:
                    done += 1
                    answer += packed(ACK, {"handle": done, "of": RESULT})
                    if sent < count:
                        sent += 1
                        answer += packed(TASK, {"handle": sent, **first, "payload": sent})
                at = end
            kept = kept[at:]
        took = time.monotonic() - started
        sock.sendall(answer)
        child.peer.drain()
        child.peer.hear_all()
        code, _, err = child.finish()
        assert (code, err) == (0, ""), (code, err)
    return count / took


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    for credits in (1, 16):
        for threaded in (True, False):
            measured = rate(credits, threaded, count)
            print(f"credits {credits:2}, threaded {threaded!s:5}: {measured:7.0f} tasks/s", flush=True)
