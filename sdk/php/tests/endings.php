<?php

/** How a worker of tasks ends: drained, broken, left alone, or by a supervisor that makes no sense. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

test('a drain finishes what is held and waits for the acks', function () {
    $child = Child::tasks('fn (Task $task) => $task->wait(60) . $task->id', 'credits: 2');
    $child->peer->task(1);
    $child->peer->hear();
    $child->peer->task(2);
    $child->peer->say(DRAIN, grace_ms: 1000 * PATIENCE, reason: 'deploy');
    $child->peer->say(CANCEL, handle: 1, reason: 'operator', grace_ms: 0);
    same([RESULT, ['handle' => 1, 'data' => 'operatortask-1']], $child->peer->hear());
    same([ACCEPTED, ['handle' => 2]], $child->peer->hear());
    $child->peer->say(CANCEL, handle: 2, reason: 'operator', grace_ms: 0);
    same([RESULT, ['handle' => 2, 'data' => 'operatortask-2']], $child->peer->hear());
    $child->peer->ack(2, of: RESULT);
    $child->peer->ack(1, of: ERROR); // not what answered it
    $child->peer->say(PING, sequence: 3);
    same([HEARTBEAT, ['sequence' => 3, 'busy' => []]], $child->peer->hear(), 'it waits, and listens');
    $child->peer->ack(1, of: RESULT);
    same([[EXITING, ['intent' => 'done']]], $child->peer->hearAll());
    same([0, '', ''], $child->finish());
});

test('acks that do not come are waited for until the grace is over', function () {
    $child = Child::tasks('fn () => 1');
    $child->peer->task(1);
    same([ACCEPTED, RESULT], [$child->peer->hear()[0], $child->peer->hear()[0]]);
    $child->peer->say(DRAIN, grace_ms: 30, reason: 'deploy');
    same([[EXITING, ['intent' => 'done']]], $child->peer->hearAll());
    same([0, '', ''], $child->finish());
});

test('what has not begun when the grace is over is left to others', function () {
    $child = Child::tasks('function (Task $task) { $end = hrtime(true) + 3e7; while (hrtime(true) < $end); return $task->draining(); }');
    $child->peer->task(1);
    $child->peer->task(2);
    $child->peer->say(DRAIN, grace_ms: 1, reason: 'deploy');
    $heard = \array_map(fn (array $message) => [$message[0], $message[1]['handle'] ?? null], $child->peer->hearAll());
    same([[ACCEPTED, 1], [RESULT, 1], [EXITING, null]], $heard);
    same(0, $child->finish()[0]);
});

test('SIGTERM is a drain that the supervisor is told of', function () {
    if (!\function_exists('pcntl_signal')) {
        return;
    }
    $child = Child::tasks('fn (Task $task) => $task->wait(60)');
    $child->peer->task(1);
    $child->peer->hear();
    $child->terminate();
    $child->peer->say(CANCEL, handle: 1, reason: 'operator', grace_ms: 0);
    same([RESULT, ['handle' => 1, 'data' => 'operator']], $child->peer->hear());
    same([DRAINING, ['reason' => 'SIGTERM']], $child->peer->hear());
    $child->peer->ack(1, of: RESULT);
    same([[EXITING, ['intent' => 'done']]], $child->peer->hearAll());
    same([0, '', ''], $child->finish());
});

test('a broken worker says so, takes no more and asks to be replaced', function () {
    $child = Child::tasks('function (Task $task) { $task->wait(60); throw new F\WorkerBroken("no database"); }');
    $child->peer->task(1);
    $child->peer->hear();
    $child->peer->task(2);
    $child->peer->say(CANCEL, handle: 1, reason: 'timeout', grace_ms: 1000);
    [$kind, $error] = $child->peer->hear();
    same([ERROR, 1, 'resource', 'worker.broken', 'worker'], [$kind, $error['handle'], $error['kind'], $error['code'], $error['scope']]);
    same([DRAINING, ['reason' => 'no database']], $child->peer->hear());
    [$kind, $snooze] = $child->peer->hear();
    same([SNOOZE, 2, 0], [$kind, $snooze['handle'], $snooze['delay_ms']]);
    $child->peer->ack(1, of: ERROR);
    $child->peer->ack(2, of: SNOOZE);
    same([[EXITING, ['intent' => 'restart_now', 'reason' => 'no database']]], $child->peer->hearAll());
    same([0, '', ''], $child->finish());
});

test('an idle worker whose supervisor goes ends with one line', function () {
    $child = Child::tasks('fn () => 1');
    $child->peer->close();
    [$code, , $err] = $child->finish();
    same([75, 1], [$code, \substr_count($err, "\n")], $err);
    isTrue(\str_contains($err, 'gone'), $err);
});

test('a busy worker whose supervisor goes learns that its lease is lost', function () {
    $child = Child::tasks('function (Task $task) { echo $task->wait(60); try { $task->progress(1); } catch (Throwable $e) {} }');
    $child->peer->task(1);
    $child->peer->hear();
    $child->peer->close();
    [$code, $out, $err] = $child->finish();
    same([75, 'lease_lost', 1], [$code, $out, \substr_count($err, "\n")], $err);
});

test('what a supervisor may not say ends the worker with one line', function () {
    foreach ([
        'more tasks' => [[1, 2, 3, 4, 5], ''],
        'second task' => [[1, 1], ''],
        'announced' => [[], "\xff\xff\xff\xff"],
        'start with' => [[], "\0\0\0\x03abc"],
        'kind 63' => [[], packed(63, [])],
        'handle' => [[], packed(TASK, ['handle' => -1, 'id' => 'x', 'attempt' => 1, 'crashes' => 0, 'payload' => 1])],
        'payload' => [[], packed(TASK, ['handle' => 1, 'id' => 'x', 'attempt' => 1, 'crashes' => 0])],
        'reason' => [[], packed(CANCEL, ['handle' => 1, 'reason' => 'whim', 'grace_ms' => 0])],
        'of' => [[], packed(ACK, ['handle' => 1, 'of' => 9])],
    ] as $says => [$handles, $bytes]) {
        $child = Child::tasks('function (Task $task) { while (true) $task->check(); }');
        // In one write, so that all of it is read at once.
        $child->peer->write(\implode('', \array_map(fn (int $handle) => packed(TASK, [
            'handle' => $handle, 'id' => 'x', 'attempt' => 1, 'crashes' => 0, 'payload' => 1,
        ]), $handles)) . $bytes);
        [$code, , $err] = $child->finish();
        same([76, 1], [$code, \substr_count($err, "\n")], $err);
        isTrue(\str_contains($err, $says), "$says in $err");
    }
});

test('running out of memory is the error of the task', function () {
    $child = Child::tasks('function () { ini_set("display_errors", "0"); ini_set("memory_limit", "8M"); str_repeat("x", 1 << 24); }');
    $child->peer->task(3);
    $child->peer->hear();
    [$kind, $error] = $child->peer->hear();
    same([ERROR, 3, 'resource', 'php.memory_limit'], [$kind, $error['handle'], $error['kind'], $error['code']]);
    same([], $child->peer->hearAll());
    same(71, $child->finish()[0]);
});

test('a handler that calls exit is told on', function () {
    $child = Child::tasks('function () { exit(3); }');
    $child->peer->task(3);
    $child->peer->hear();
    [$kind, $error] = $child->peer->hear();
    same([ERROR, 3, 'bug', 'task.exited'], [$kind, $error['handle'], $error['kind'], $error['code']]);
    same([], $child->peer->hearAll());
    same(3, $child->finish()[0]);
});

test('a fork of a handler cannot answer for it', function () {
    if (!\function_exists('pcntl_fork')) {
        return;
    }
    $child = Child::tasks('function () { $pid = pcntl_fork(); if ($pid === 0) return "fork";
        pcntl_waitpid($pid, $status); return pcntl_wexitstatus($status); }');
    $child->peer->task(1);
    $child->peer->hear();
    same([RESULT, ['handle' => 1, 'data' => 70]], $child->peer->hear());
    $child->peer->ack(1, of: RESULT);
    $child->peer->say(DRAIN, grace_ms: 1000, reason: 'test');
    same([[EXITING, ['intent' => 'done']]], $child->peer->hearAll());
    isTrue(\str_contains($child->finish()[2], 'is a fork of the worker'), 'the fork complains');
});

test('options that cannot be are told before anything is taken', function () {
    foreach (['fn () => 1, credits: 0' => 'credits: 0', '["a" => 1, "b" => 2]' => "handler of 'a'"] as $arguments => $says) {
        $child = new Child("Tasks::run($arguments);");
        $heard = $child->peer->hearAll();
        same([HELLO, ERROR, 'bug'], [$heard[0][0], $heard[1][0], $heard[1][1]['kind']]);
        isTrue(\str_contains($heard[1][1]['message'], $says), $heard[1][1]['message']);
        same(70, $child->finish()[0]);
    }
});
