<?php

/** How a task ends: what a handler returns and throws, as the supervisor hears it. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

use Hearken\Worker\Wire\Decoder;

/** @return list<array{int, array<string, mixed>}> what one task made the worker say after `accepted` */
function answer(string $handler, mixed ...$task): array
{
    $child = Child::tasks($handler);
    $child->peer->task(1, ...$task);
    same([ACCEPTED, ['handle' => 1]], $child->peer->hear());
    do {
        $heard[] = $child->peer->hear();
    } while (!\in_array(\end($heard)[0], [RESULT, ERROR, SNOOZE], true));
    $child->peer->ack(1, of: \end($heard)[0]);
    leaves($child);

    return $heard;
}

test('any value is a result', function () {
    foreach (['null' => null, '"text"' => 'text', '7' => 7, '2.5' => 2.5, 'false' => false, '[]' => [],
        '["a" => [1, null]]' => ['a' => [1, null]], '(object) []' => []] as $code => $value) {
        $expected = $value === null ? ['handle' => 1] : ['handle' => 1, 'data' => $value];
        same([[RESULT, $expected]], answer("fn () => $code"), (string) $code);
    }
    same([[RESULT, ['handle' => 1]]], answer('function () {}'));
});

test('bytes are a result with a content type', function () {
    $bytes = ['handle' => 1, 'data' => "\xff\0", 'content_type' => 'application/octet-stream'];
    same([[RESULT, $bytes]], answer('fn () => "\xff\0"'));
    $summary = ['rows' => 3];
    $said = ['handle' => 1, 'data' => 'a,b', 'content_type' => 'text/csv', 'summary' => $summary];
    same([[RESULT, $said]], answer('fn () => new Result("a,b", "text/csv", summary: ["rows" => 3])'));
    same([[RESULT, ['handle' => 1, 'summary' => $summary]]], answer('fn () => new Result(summary: ["rows" => 3])'));
});

test('a result of 256 KiB is one frame and a larger one is chunks', function () {
    [[$kind, $fields]] = answer('fn () => new Result(str_repeat("x", 1 << 18), "text/plain")');
    same([RESULT, 1 << 18], [$kind, \strlen($fields['data'])]);
    $heard = answer('fn () => new Result(str_repeat("abc", 200_000), "text/plain", summary: ["n" => 1])');
    same([CHUNK, CHUNK, CHUNK, RESULT], \array_column($heard, 0));
    same([0, 1, 2], \array_map(fn (array $message) => $message[1]['sequence'], \array_slice($heard, 0, 3)));
    same([false, false, true], \array_map(fn (array $message) => $message[1]['last'], \array_slice($heard, 0, 3)));
    same(\str_repeat('abc', 200_000), \implode('', \array_map(fn (array $message) => $message[1]['data'], \array_slice($heard, 0, 3))));
    same(['handle' => 1, 'content_type' => 'text/plain', 'chunks' => 3, 'summary' => ['n' => 1]], $heard[3][1]);
});

test('a large value is chunks of MessagePack, and large bytes are themselves', function () {
    foreach ([
        'array_fill(0, 100_000, "four")' => ['application/msgpack', \array_fill(0, 100_000, 'four')],
        'str_repeat("ä", 200_000)' => ['application/msgpack', \str_repeat('ä', 200_000)],
    ] as $code => [$type, $value]) {
        $heard = answer("fn () => $code");
        [, $result] = \array_pop($heard);
        same([$type, \count($heard)], [$result['content_type'], $result['chunks']]);
        same($value, (new Decoder(\implode('', \array_map(fn (array $chunk) => $chunk[1]['data'], $heard))))->value(32), $code);
    }
    $heard = answer('fn () => str_repeat("\xff", 300_000)');
    same(['application/octet-stream', 2], [\end($heard)[1]['content_type'], \end($heard)[1]['chunks']]);
    same("\xff\xff", $heard[0][1]['data'][0] . $heard[1][1]['data'][0]);
});

test('what cannot be a result is a bug that says so', function () {
    foreach (['new DateTimeImmutable()' => 'DateTimeImmutable', 'fn () => 1' => 'Closure', '[[STDIN]]' => 'resource'] as $code => $says) {
        [[$kind, $error]] = answer("fn () => $code");
        same([ERROR, 'bug', 1], [$kind, $error['kind'], $error['handle']], $code);
        isTrue(\str_contains($error['message'], $says), $error['message']);
    }
});

test('every failure is the error of its task', function () {
    foreach ([
        'RateLimited(after: 30)' => ['kind' => 'rate_limited', 'code' => 'rate_limited', 'message' => 'rate limited', 'retry_after_ms' => 30_000],
        'Retryable("later", after: 0.5)' => ['kind' => 'transient', 'code' => 'transient', 'message' => 'later', 'retry_after_ms' => 500],
        'Invalid("no rows", code: "rows.none", details: ["rows" => 0])'
            => ['kind' => 'invalid', 'code' => 'rows.none', 'message' => 'no rows', 'details' => ['rows' => 0]],
        'Unavailable("away", dependency: "db", scope: "dependency")'
            => ['kind' => 'unavailable', 'code' => 'unavailable', 'message' => 'away', 'scope' => 'dependency', 'dependency' => 'db'],
        'Cancelled' => ['kind' => 'cancelled', 'code' => 'cancelled', 'message' => 'cancelled'],
    ] as $thrown => $fields) {
        same([[ERROR, ['handle' => 1] + $fields]], answer("fn () => throw new F\\$thrown"), $thrown);
    }
});

test('a fatal failure gives up its task and touches nothing else', function () {
    $said = ['handle' => 1, 'kind' => 'invalid', 'code' => 'order.void', 'message' => 'no such order', 'retryable' => false];
    same([[ERROR, $said]], answer('fn () => throw new F\Fatal("no such order", code: "order.void")'));
    [[, $error]] = answer('fn () => throw new F\Fatal(retryable: true)');
    same(['invalid', 'invalid', false], [$error['kind'], $error['code'], $error['retryable']]);
    $child = Child::tasks('fn (Task $task) => $task->payload === 1 ? throw new F\Fatal() : "on"');
    $child->peer->task(1);
    same([ACCEPTED, ERROR], [$child->peer->hear()[0], $child->peer->hear()[0]]);
    $child->peer->ack(1, of: ERROR);
    $child->peer->task(2);
    same([ACCEPTED, ['handle' => 2]], $child->peer->hear());
    same([RESULT, ['handle' => 2, 'data' => 'on']], $child->peer->hear());
});

test('any other exception is a bug with its class and trace', function () {
    foreach (['intdiv(1, 0)' => 'DivisionByZeroError', 'strlen([])' => 'TypeError', 'throw new RuntimeException("x")' => 'RuntimeException'] as $code => $class) {
        [[$kind, $error]] = answer("function () { $code; }");
        same([ERROR, 1, 'bug', $class], [$kind, $error['handle'], $error['kind'], $error['code']]);
        isTrue(\str_contains($error['trace'], '{closure'), $error['trace']);
    }
});

test('an error is told whatever is wrong with it', function () {
    [[$kind, $error]] = answer('fn () => throw new F\Invalid("bad", scope: "galaxy")');
    same([ERROR, 'bug', 'error.not_sendable'], [$kind, $error['kind'], $error['code']]);
    isTrue(\str_contains($error['message'], 'galaxy') && \str_contains($error['message'], 'Invalid: bad'), $error['message']);
    $details = 'array_fill_keys(range(1, 200), str_repeat("x", 8000))';
    [[$kind, $error]] = answer("fn () => throw new F\\Invalid('bad', details: $details)");
    same([ERROR, 'invalid', 'bad'], [$kind, $error['kind'], $error['message']]);
    isTrue(\str_contains($error['details']['dropped'], 'limit'), 'says what was dropped');
});

test('a snooze is no error', function () {
    $said = ['handle' => 1, 'delay_ms' => 90_000, 'reason' => 'the shop is closed'];
    same([[SNOOZE, $said]], answer('fn () => throw new Snooze(90, "the shop is closed")'));
});

test('a type without a handler is invalid, and the worker goes on', function () {
    $child = Child::tasks('["up" => fn (Task $task) => "up", "down" => fn () => "down"]');
    $child->peer->task(1, type: 'sideways');
    [$kind, $error] = $child->peer->hear();
    same([ERROR, 1, 'invalid', 'task.type_unknown'], [$kind, $error['handle'], $error['kind'], $error['code']]);
    $child->peer->task(2, type: 'down');
    $child->peer->hear();
    same([RESULT, ['handle' => 2, 'data' => 'down']], $child->peer->hear());
});
