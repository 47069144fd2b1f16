<?php

/** Real workers that take tasks from the test: how they live, listen and leave. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

/** Drains a worker that holds nothing, and expects it to leave well. */
function leaves(Child $child): void
{
    $child->peer->say(DRAIN, grace_ms: 1000 * PATIENCE, reason: 'test');
    same([[EXITING, ['intent' => 'done']]], $child->peer->hearAll());
    [$code, , $err] = $child->finish();
    same([0, ''], [$code, $err]);
}

test('hello names the types and ready the credits', function () {
    $child = new Child('Tasks::run(["up" => "strtoupper", "down" => "strtolower"], credits: 3, build: "v7");');
    $hello = $child->peer->hear()[1];
    same([['up', 'down'], 'v7'], [$hello['task_types'], $hello['build']]);
    same([READY, ['credits' => 3]], $child->peer->hear());
    leaves($child);
});

test('a task is accepted and answered', function () {
    $child = Child::tasks('fn (Task $task) => $task->payload["n"] + 1', 'credits: 1');
    $child->peer->task(7, payload: ['n' => 41]);
    same([ACCEPTED, ['handle' => 7]], $child->peer->hear());
    same([RESULT, ['handle' => 7, 'data' => 42]], $child->peer->hear());
    $child->peer->ack(7, of: RESULT);
    leaves($child);
});

test('the handler sees what was said of the task', function () {
    $child = Child::tasks('fn (Task $t) => [$t->id, $t->type, $t->contentType, $t->attempt, $t->crashes, $t->key, $t->headers,
        $t->traceparent, $t->batch, $t->checkpoint, $t->lastError["code"] ?? null, $t->worker->welcome()->unit]');
    $child->peer->task(1, type: 'x', content_type: 'text/csv', attempt: 3, crashes: 2, key: 'order-9', headers: ['a' => 'b'],
        traceparent: '00-1', batch: 'b1', checkpoint: "\xff", last_error: ['kind' => 'bug', 'code' => 'c', 'message' => 'm']);
    $child->peer->hear();
    same(['task-1', 'x', 'text/csv', 3, 2, 'order-9', ['a' => 'b'], '00-1', 'b1', "\xff", 'c', 'web'], $child->peer->hear()[1]['data']);
    $child->peer->task(2);
    $child->peer->hear();
    same(['task-2', null, null, 1, 0, 'task-2', [], null, null, null, null, 'web'], $child->peer->hear()[1]['data'], 'the key is the id');
    $child->peer->ack(1, of: RESULT);
    $child->peer->ack(2, of: RESULT);
    leaves($child);
});

test('tasks run one after another, in order', function () {
    $child = Child::tasks('fn (Task $task) => $task->payload', 'credits: 3');
    $child->peer->task(3);
    $child->peer->task(1);
    $child->peer->task(2);
    $heard = \array_map(fn () => $child->peer->hear(), \range(1, 6));
    same([3, 3, 1, 1, 2, 2], \array_map(fn (array $message) => $message[1]['handle'], $heard));
    same([ACCEPTED, RESULT], [$heard[4][0], $heard[5][0]]);
});

test('a thousand tasks leave nothing behind', function () {
    $child = Child::tasks('fn () => memory_get_usage()', 'credits: 1');
    for ($handle = 1; $handle <= 1000; $handle++) {
        $child->peer->task($handle);
        $child->peer->hear();
        $used[$handle] = $child->peer->hear()[1]['data'];
        $child->peer->ack($handle, of: RESULT);
    }
    // The bytes of an object for each task would be over 36,000.
    isTrue($used[1000] - $used[100] < 4096, "{$used[100]} bytes, then {$used[1000]}");
    leaves($child);
});

test('what a handler says carries its handle', function () {
    $child = Child::tasks('function (Task $task) {
        $task->progress(1, 2, "rows"); $task->log("info", "half", ["row" => 1]); $task->event("turned", ["page" => 2]);
        $task->metric("rows", 1.5, "h", ["kind" => "a"]); $task->checkpoint("\xffa"); $task->checkpoint("b"); }');
    $child->peer->task(8);
    [, $progress, $log, $event, $metric, $first, $second, $result] = \array_map(fn () => $child->peer->hear(), \range(1, 8));
    same([PROGRESS, ['handle' => 8, 'done' => 1, 'total' => 2, 'unit' => 'rows']], $progress);
    same([LOG, 8, 2, ['row' => 1]], [$log[0], $log[1]['handle'], $log[1]['level'], $log[1]['fields']]);
    same([EVENT, ['handle' => 8, 'name' => 'turned', 'fields' => ['page' => 2]]], $event);
    same([METRIC, ['name' => 'rows', 'type' => 'h', 'value' => 1.5, 'labels' => ['kind' => 'a']]], $metric);
    same([CHECKPOINT, ['handle' => 8, 'sequence' => 0, 'data' => "\xffa"]], $first);
    same([CHECKPOINT, ['handle' => 8, 'sequence' => 1, 'data' => 'b']], $second);
    same([RESULT, ['handle' => 8]], $result);
});

test('a checkpoint over 64 KiB is refused in the handler, and the task goes on', function () {
    $child = Child::tasks('function (Task $task) {
        try { $task->checkpoint(str_repeat("x", 65537)); } catch (E\NotSendable $large) { return $large->getMessage(); } }');
    $child->peer->task(1);
    $child->peer->hear();
    isTrue(\str_contains($child->peer->hear()[1]['data'], '65536'), 'says the limit');
});

test('accepted is out before the work begins, and a cancel reaches the work', function () {
    $child = Child::tasks('function (Task $task) { while (true) $task->check(); }');
    $child->peer->task(1);
    same([ACCEPTED, ['handle' => 1]], $child->peer->hear());
    $child->peer->say(CANCEL, handle: 1, reason: 'operator', grace_ms: 5000);
    [$kind, $error] = $child->peer->hear();
    same([ERROR, 1, 'cancelled', ['reason' => 'operator']], [$kind, $error['handle'], $error['kind'], $error['details']]);
    $child->peer->ack(1, of: ERROR);
    leaves($child);
});

test('a cancelled task may still have a result', function () {
    $child = Child::tasks('fn (Task $task) => [$task->wait(60), $task->timeLeft() <= 5.0]');
    $child->peer->task(1);
    $child->peer->hear();
    $child->peer->say(CANCEL, handle: 1, reason: 'timeout', grace_ms: 5000);
    same([RESULT, ['handle' => 1, 'data' => ['timeout', true]]], $child->peer->hear());
});

test('a task that was cancelled before its turn does not run', function () {
    $child = Child::tasks('function (Task $task) { echo $task->id; return $task->wait(60); }');
    $child->peer->task(1);
    $child->peer->hear();
    $child->peer->task(2);
    $child->peer->say(CANCEL, handle: 2, reason: 'batch', grace_ms: 0);
    $child->peer->say(CANCEL, handle: 1, reason: 'operator', grace_ms: 0);
    same([RESULT, ['handle' => 1, 'data' => 'operator']], $child->peer->hear());
    [$kind, $error] = $child->peer->hear();
    same([ERROR, 2, 'cancelled'], [$kind, $error['handle'], $error['kind']]);
    $child->peer->ack(1, of: RESULT);
    $child->peer->ack(2, of: ERROR);
    $child->peer->say(DRAIN, grace_ms: 1000 * PATIENCE, reason: 'test');
    $child->peer->hearAll();
    same([0, 'task-1', ''], $child->finish());
});

test('a cancel of another task changes nothing', function () {
    $child = Child::tasks('fn (Task $task) => [$task->wait(0.02), $task->cancelled()]');
    $child->peer->say(CANCEL, handle: 2, reason: 'operator', grace_ms: 0);
    $child->peer->task(1);
    $child->peer->hear();
    $child->peer->say(CANCEL, handle: 99, reason: 'operator', grace_ms: 0);
    same([null, null], $child->peer->hear()[1]['data']);
});

test('the deadlines count from the acceptance', function () {
    $child = Child::tasks('fn (Task $t) => [$t->softTimeLeft() > 59.0 && $t->softTimeLeft() <= 60.0,
        $t->timeLeft() > 89.0 && $t->timeLeft() <= 90.0, $t->deadline() > hrtime(true) / 1e9 + 89.0]');
    $child->peer->task(1, soft_ms: 60_000, hard_ms: 90_000);
    $child->peer->hear();
    same([true, true, true], $child->peer->hear()[1]['data']);
    $none = Child::tasks('fn (Task $t) => [$t->softTimeLeft(), $t->timeLeft(), $t->deadline()]');
    $none->peer->task(1);
    $none->peer->hear();
    same([null, null, null], $none->peer->hear()[1]['data']);
});

test('pings are answered and heartbeats sent while a handler calls its task', function () {
    $child = Child::tasks('function (Task $task) { $task->wait(60); }', heartbeat_ms: 3_600_000);
    $child->peer->task(5);
    $child->peer->hear();
    $child->peer->task(6);
    $child->peer->say(PING, sequence: 9);
    same([HEARTBEAT, ['sequence' => 9, 'busy' => [5, 6]]], $child->peer->hear());
    $often = Child::tasks('function (Task $task) { while (true) $task->check(); }', heartbeat_ms: 20);
    $often->peer->task(1);
    do {
        $heard = $often->peer->hear(); // accepted, and perhaps a beat before it
    } while (($heard[1]['busy'] ?? null) !== [1]);
    $often->peer->say(CANCEL, handle: 1, reason: 'operator', grace_ms: 0);
    isTrue(\in_array(ERROR, [$often->peer->hear()[0], $often->peer->hear()[0]], true), 'and the cancel is heard');
});

test('with the alarm, a handler that calls nothing shows signs of life', function () {
    if (!\function_exists('pcntl_alarm')) {
        return;
    }
    $path = \tempnam(\sys_get_temp_dir(), 'hearken-test-');
    $wait = 'function () { while (file_exists(' . \var_export($path, true) . ')) clearstatcache(); }';
    $child = Child::tasks($wait, 'alarm: true', heartbeat_ms: 1000);
    $child->peer->task(4);
    try {
        do {
            $heard = $child->peer->hear();
        } while ($heard !== [HEARTBEAT, ['sequence' => 0, 'busy' => [4]]]);
    } finally {
        \unlink($path);
    }
    do {
        $heard = $child->peer->hear();
    } while ($heard[0] === HEARTBEAT);
    same([RESULT, ['handle' => 4]], $heard);
});
