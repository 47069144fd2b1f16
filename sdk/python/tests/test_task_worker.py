"""Who listens and what shares a write: a worker of a pool in this process, on a socket that keeps writes apart."""

import socket
import threading
import unittest

import msgpack
from peer import ACCEPTED, CANCEL, EXITING, HEARTBEAT, HELLO, PATIENCE, PING, READY, RESULT, Peer, packed, pair

from hearken_worker.answers import Answers
from hearken_worker.handlers import Routes
from hearken_worker.held import Held
from hearken_worker.line import Line
from hearken_worker.messages import Message
from hearken_worker.serving import Serving


class WritesTest(unittest.TestCase):
    threaded = True

    def setUp(self):
        # SEQPACKET: what the worker writes with one call is read with one call, and the other way round.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.peer = Peer(ours)
        self.gate, self.entered = threading.Event(), threading.Event()
        self.serving = Serving(Line(theirs), Routes(self.work), 16, threaded=self.threaded, build=None)
        self.server = threading.Thread(target=self.serving.serve)
        self.server.start()
        self.addCleanup(self.leave)
        self.assertEqual(self.kinds(), [HELLO])
        self.peer.welcome()
        self.assertEqual(self.kinds(), [READY])

    def work(self, task):
        if task.payload == "hold":
            self.entered.set()
            self.gate.wait(PATIENCE)
        return task.payload

    def leave(self):
        self.gate.set()
        self.peer.drain(grace_ms=0)
        self.server.join(PATIENCE)
        self.assertFalse(self.server.is_alive())
        self.serving.worker.close()
        self.peer.close()

    def frames(self):
        """The messages of one write."""
        data = self.peer.sock.recv(1 << 20)
        heard = []
        while data:
            end = 4 + int.from_bytes(data[:4], "big")
            heard.append(msgpack.unpackb(data[4:end]))
            data = data[end:]
        return heard

    def kinds(self):
        return [kind for kind, _ in self.frames()]

    def tasks(self, *handles, payload=None):
        fields = {"id": "x", "attempt": 1, "crashes": 0, "payload": payload}
        self.peer.sock.sendall(b"".join(packed(34, {"handle": handle, **fields}) for handle in handles))

    def test_a_result_and_the_next_acceptance_share_a_write(self):
        self.tasks(1, 2, 3)
        said = [(kind, fields["handle"]) for _ in range(4) for kind, fields in [(0, {"handle": 0}), *self.frames()]]
        writes = [[]]
        for kind, handle in said:
            if kind:
                writes[-1].append((kind, handle))
            else:
                writes.append([])
        self.assertEqual(
            writes[1:],
            [
                [(ACCEPTED, 1)],
                [(RESULT, 1), (ACCEPTED, 2)],
                [(RESULT, 2), (ACCEPTED, 3)],
                [(RESULT, 3)],
            ],
        )

    def test_the_acceptance_is_out_before_the_handler_works(self):
        self.tasks(1, payload="hold")
        self.assertTrue(self.entered.wait(PATIENCE))
        self.peer.sock.setblocking(False)
        self.assertEqual(self.kinds(), [ACCEPTED])
        self.peer.sock.settimeout(PATIENCE)

    def test_a_result_does_not_wait_for_another_task(self):
        for handle in range(100):
            self.tasks(handle)
            self.assertEqual((self.kinds(), self.kinds()), ([ACCEPTED], [RESULT]))
            self.peer.ack(handle)


class ThreadTest(WritesTest):
    """What the background thread does beside the handler."""

    def test_it_hears_what_comes_while_a_handler_works_and_gives_the_line_back(self):
        for round in range(20):
            self.gate.clear(), self.entered.clear()
            self.tasks(2 * round, payload="hold")
            self.assertEqual(self.kinds(), [ACCEPTED])
            self.peer.say(PING, sequence=round)
            self.assertEqual(self.frames(), [[HEARTBEAT, {"sequence": round, "busy": [2 * round]}]])
            self.gate.set()
            self.assertEqual(self.kinds(), [RESULT])
            self.tasks(2 * round + 1)
            self.assertEqual((self.kinds(), self.kinds()), ([ACCEPTED], [RESULT]))

    def test_a_cancel_of_a_task_that_waits_is_answered_beside_the_handler(self):
        self.tasks(1, payload="hold")
        self.assertEqual(self.kinds(), [ACCEPTED])
        self.tasks(2)
        self.peer.say(CANCEL, handle=2, reason="operator", grace_ms=0)
        ((_, error),) = self.frames()
        self.assertEqual((error["handle"], error["kind"]), (2, "cancelled"))


class WritesWithoutThreadTest(WritesTest):
    threaded = False


class LastWordTest(unittest.TestCase):
    def test_a_cancel_behind_the_last_word_of_the_process_is_not_answered(self):
        peer, theirs = pair()
        line = Line(theirs)
        held = Held(Answers(line))
        held.credits = 1
        held.hear(Message("task", {"handle": 1, "id": "x", "attempt": 1, "crashes": 0, "payload": None}))
        line.send("exiting", {"intent": "done"})
        held.hear(Message("cancel", {"handle": 1, "reason": "shutdown", "grace_ms": 0}))
        line.close()
        self.assertEqual(peer.hear_all(), [(EXITING, {"intent": "done"})])
        peer.close()


if __name__ == "__main__":
    unittest.main()
