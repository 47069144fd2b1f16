"""A worker of a pool, a real process, with the test as its supervisor: handshake, tasks, results."""

import time
import unittest

import msgpack
from peer import (
    ACCEPTED,
    CHECKPOINT,
    CHUNK,
    ERROR,
    EVENT,
    EXITING,
    HELLO,
    LOG,
    METRIC,
    PROGRESS,
    READY,
    RESULT,
    SNOOZE,
    TASK_ID,
    Child,
    pool_worker,
)

from hearken_worker.messages import MAX_CHUNK


class PoolTest(unittest.TestCase):
    """Starts workers, and ends them as a supervisor would."""

    def start(self, handler, options="", **welcome):
        child = Child(pool_worker(handler, options))
        self.addCleanup(child.__exit__)
        self.hello = child.peer.hear()
        child.peer.welcome(**welcome)
        self.assertEqual(child.peer.hear()[0], READY)
        return child

    def answered(self, child, handle=1, payload=None, of=RESULT, **fields):
        """What one task made the worker say, up to its answer, which is acked."""
        child.peer.task(handle, payload, **fields)
        heard = [child.peer.hear()]
        self.assertEqual(heard[0], (ACCEPTED, {"handle": handle}))
        while heard[-1][0] not in (RESULT, ERROR, SNOOZE):
            heard.append(child.peer.hear())
        self.assertEqual(heard[-1][0], of, heard[-1])
        child.peer.ack(handle, of)
        return heard[1:]

    def ended(self, child):
        """Drains the worker, and expects nothing but a good end."""
        child.peer.drain()
        self.assertEqual(child.peer.hear_all(), [(EXITING, {"intent": "done"})])
        self.assertEqual(child.finish(), (0, "", ""))


class Handshake(PoolTest):
    def test_it_says_hello_and_is_ready_after_the_welcome(self):
        child = Child(pool_worker("pass", ", 16, build='b1'"))
        self.addCleanup(child.__exit__)
        kind, hello = child.peer.hear()
        self.assertEqual((kind, hello["build"], hello["pid"]), (HELLO, "b1", child.process.pid))
        self.assertNotIn("task_types", hello)
        child.peer.welcome()
        self.assertEqual(child.peer.hear(), (READY, {"credits": 16}))
        self.ended(child)

    def test_several_named_handlers_are_its_task_types(self):
        child = self.start("work = {'resize': print, 'default': print}")
        self.assertEqual(self.hello[1]["task_types"], ["resize", "default"])
        self.ended(child)

    def test_one_named_handler_is_not_told(self):
        child = self.start("work = {'resize': print}")
        self.assertNotIn("task_types", self.hello[1])
        self.ended(child)

    def test_what_cannot_serve_is_refused_before_a_word_is_said(self):
        for handler, options, why in (
            ("work = {}", "", "ValueError: a worker without a handler"),
            ("work = 7", "", "TypeError: the handler of 'default' is 7"),
            ("work = {'a': None}", "", "TypeError: the handler of 'a' is None"),
            ("work = print", ", 0", "ValueError: credits is 0"),
            ("work = print", ", 65536", "ValueError: credits is 65536"),
        ):
            with self.subTest(handler + options), Child(pool_worker(handler, options)) as child:
                self.assertEqual(child.peer.hear_all(), [])
                code, _, err = child.finish()
                self.assertEqual(code, 1)
                self.assertIn(why, err)

    def test_a_process_that_has_connected_may_not_serve_tasks(self):
        with Child(pool_worker("def work(task): pass\nconnect()")) as child:
            code, _, err = child.finish()
        self.assertEqual((code, len(err.splitlines())), (75, 1))
        self.assertIn("call run_tasks, which connects by itself", err)


class Routing(PoolTest):
    MAP = "work = Handlers()\n@work.on('{}')\ndef one(task): return 1\n@work.on('{}')\ndef two(task): return 2\n"

    def test_one_function_does_all_types(self):
        child = self.start("return task.type")
        self.assertEqual(self.answered(child, 1)[0][1], {"handle": 1})
        self.assertEqual(self.answered(child, 2, type="resize")[0][1], {"handle": 2, "data": "resize"})
        self.ended(child)

    def test_a_map_chooses_by_type_and_takes_its_default_for_tasks_without_one(self):
        child = self.start(self.MAP.format("resize", "default"))
        self.assertEqual(self.answered(child, 1, type="resize")[0][1]["data"], 1)
        self.assertEqual(self.answered(child, 2)[0][1]["data"], 2)
        self.ended(child)

    def test_the_only_handler_takes_tasks_without_a_type(self):
        child = self.start("work = {'resize': lambda task: 1}")
        self.assertEqual(self.answered(child)[0][1]["data"], 1)
        self.ended(child)

    def test_a_task_nobody_can_do_is_invalid(self):
        child = self.start(self.MAP.format("crop", "resize"))
        for handle, type, why in ((1, {"type": "mail"}, "type 'mail', only for crop, resize"), (2, {}, "without a type")):
            (_, error), = self.answered(child, handle, of=ERROR, **type)
            self.assertEqual((error["kind"], error["code"]), ("invalid", "task.type_unknown"))
            self.assertIn(why, error["message"])
        self.ended(child)


class Context(PoolTest):
    def test_a_handler_sees_all_of_its_task(self):
        names = "id type payload content_type attempt crashes key headers traceparent batch last_checkpoint last_error"
        child = self.start(f"return [getattr(task, name) for name in '{names}'.split()]")
        given = {
            "type": "resize",
            "content_type": "application/json",
            "attempt": 3,
            "crashes": 1,
            "key": "order-7",
            "headers": {"from": "shop", "try": 2},
            "traceparent": "00-1-2-01",
            "batch": "b7",
            "checkpoint": b"row=300",
            "last_error": {"kind": "oom", "code": "oom", "message": "killed"},
        }
        seen = self.answered(child, 1, {"width": 7}, **given)[0][1]["data"]
        self.assertEqual(seen[:2] + seen[3:], [TASK_ID, *given.values()])
        self.assertEqual(seen[2], {"width": 7})
        seen = self.answered(child, 2)[0][1]["data"]
        self.assertEqual(seen, [TASK_ID, None, None, None, 1, 0, TASK_ID, {}, None, None, None, None])
        self.ended(child)

    def test_deadlines_count_from_the_acceptance(self):
        child = self.start("return [task.soft_deadline, task.deadline, task.time_left, time.monotonic()]")
        before = time.monotonic()
        soft, hard, left, now = self.answered(child, 1, soft_ms=20_000, hard_ms=30_000)[0][1]["data"]
        self.assertTrue(before + 20 <= soft <= now + 20)
        self.assertAlmostEqual(hard - soft, 10)
        self.assertTrue(hard - now <= left <= 30)
        self.assertEqual(self.answered(child, 2)[0][1]["data"][:3], [None, None, None])
        self.assertEqual(self.answered(child, 3, hard_ms=0)[0][1]["data"][2], 0.0)
        self.ended(child)

    def test_what_a_task_says_carries_its_handle(self):
        child = self.start(
            "task.progress(1, 2, 'rows')\n"
            "task.log('warn', 'slow', host='db')\n"
            "task.metric('rows.read', 7, table='users')\n"
            "task.metric('queue.depth', 1.5, 'gauge')\n"
            "task.event('file.written', path='/tmp/a')\n"
            "task.checkpoint(b'row=1')\n"
            "task.checkpoint(b'row=2')\n"
        )
        heard = self.answered(child, 7)
        heard[1][1].pop("time")
        self.assertEqual(
            heard,
            [
                (PROGRESS, {"handle": 7, "done": 1, "total": 2, "unit": "rows"}),
                (LOG, {"handle": 7, "level": 3, "message": "slow", "fields": {"host": "db"}}),
                (METRIC, {"name": "rows.read", "type": "c", "value": 7.0, "labels": {"table": "users"}}),
                (METRIC, {"name": "queue.depth", "type": "g", "value": 1.5}),
                (EVENT, {"handle": 7, "name": "file.written", "fields": {"path": "/tmp/a"}}),
                (CHECKPOINT, {"handle": 7, "sequence": 0, "data": b"row=1"}),
                (CHECKPOINT, {"handle": 7, "sequence": 1, "data": b"row=2"}),
                (RESULT, {"handle": 7}),
            ],
        )
        # The acks of checkpoints change nothing.
        child.peer.ack(7, CHECKPOINT)
        self.ended(child)

    def test_a_checkpoint_over_64_kib_is_refused_where_it_is_made(self):
        child = self.start("task.checkpoint(bytes(65536))\ntask.checkpoint(bytes(65537))")
        heard = self.answered(child, of=ERROR)
        self.assertEqual(len(heard[0][1]["data"]), 65536)
        self.assertEqual((heard[1][1]["kind"], heard[1][1]["code"]), ("bug", "NotSendable"))
        self.assertIn("65536 are allowed", heard[1][1]["message"])
        self.ended(child)


class Results(PoolTest):
    def chunked(self, child, payload, **welcome):
        *chunks, (kind, result) = self.answered(child, payload=payload)
        self.assertEqual({kind for kind, _ in chunks}, {CHUNK})
        self.assertEqual([chunk["sequence"] for _, chunk in chunks], list(range(len(chunks))))
        self.assertEqual([chunk["last"] for _, chunk in chunks], [False] * (len(chunks) - 1) + [True])
        self.assertEqual((result["handle"], result["chunks"]), (1, len(chunks)))
        self.assertNotIn("data", result)
        return [chunk["data"] for _, chunk in chunks], result

    def test_any_value_and_bytes_come_back_as_they_are(self):
        child = self.start("return task.payload")
        values = [None, 0, "text", b"\xff\0", [1, [2.5]], {"a": {"b": None}}, {1: True}]
        for handle, value in enumerate(values):
            child.peer.task(handle, value)
            self.assertEqual(child.peer.hear(), (ACCEPTED, {"handle": handle}))
            length = int.from_bytes(child.peer.exactly(4), "big")
            _, fields = msgpack.unpackb(child.peer.exactly(length), strict_map_key=False)
            self.assertEqual(fields, {"handle": handle} if value is None else {"handle": handle, "data": value})
            child.peer.ack(handle)
        self.ended(child)

    def test_bytes_may_have_a_media_type_and_a_summary(self):
        child = self.start("return Result(bytearray(b'png'), 'image/png', {'rows': 3})")
        expected = {"handle": 1, "data": b"png", "content_type": "image/png", "summary": {"rows": 3}}
        self.assertEqual(self.answered(child), [(RESULT, expected)])
        self.ended(child)

    def test_bytes_over_256_kib_go_in_chunks(self):
        child = self.start("return os.urandom(1) * task.payload")
        pieces, result = self.chunked(child, 2 * MAX_CHUNK + 1)
        self.assertEqual([len(piece) for piece in pieces], [MAX_CHUNK, MAX_CHUNK, 1])
        self.assertEqual(result["content_type"], "application/octet-stream")
        self.ended(child)

    def test_a_value_over_256_kib_goes_in_chunks_of_its_messagepack(self):
        child = self.start("return Result(list(range(task.payload)), 'application/json', {'rows': task.payload})")
        pieces, result = self.chunked(child, 200_000)
        self.assertEqual(msgpack.unpackb(b"".join(pieces)), list(range(200_000)))
        self.assertEqual((result["content_type"], result["summary"]), ("application/msgpack", {"rows": 200_000}))
        self.ended(child)

    def test_a_line_with_small_frames_gets_small_chunks(self):
        child = self.start("return bytes(task.payload)", max_frame=4096)
        pieces, _ = self.chunked(child, 10_000)
        self.assertEqual(b"".join(pieces), bytes(10_000))
        self.ended(child)

    def test_a_result_that_cannot_be_sent_is_a_bug_of_the_handler(self):
        deep = "value = 1\nfor _ in range(task.payload): value = [value]\n"
        for body, payload, why in (
            ("return {1, 2}", None, "can not serialize 'set' object"),
            (deep + "return value", 31, "nested deeper than 30"),
            (deep + "return [value, 'x' * 300_000]", 30, "nested deeper than 30"),
            ("value = []\nvalue += [value, value]\nreturn value", None, "nested deeper than 30"),
            ("return '\\ud800'", None, "surrogates not allowed"),
            ("return Result(1, content_type=7)", None, "7 is not text"),
            ("return Result(bytes(300_000), summary=[1])", None, "not a map"),
        ):
            with self.subTest(body):
                child = self.start(body)
                (_, error), = self.answered(child, payload=payload, of=ERROR)
                self.assertEqual((error["kind"], error["code"]), ("bug", "NotSendable"))
                self.assertIn(why, error["message"])
                self.ended(child)

    def test_thirty_levels_are_sent(self):
        child = self.start("value = 1\nfor _ in range(30): value = [value]\nreturn value")
        self.answered(child)
        self.ended(child)


if __name__ == "__main__":
    unittest.main()
