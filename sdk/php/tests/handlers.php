<?php

/** Which handler a task goes to, and which tasks are held. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

use Hearken\Worker\Error\ProtocolError;
use Hearken\Worker\Failure\Failure;
use Hearken\Worker\Failure\Invalid;
use Hearken\Worker\Line;
use Hearken\Worker\Task\Handlers;
use Hearken\Worker\Task\Held;

test('one function takes every type', function () {
    $handlers = new Handlers('strtoupper');
    same(['X', 'X'], [$handlers->of('resize')('x'), $handlers->of(null)('x')]);
    same(null, Handlers::types('strtoupper'));
});

test('a method is one function, not a map', function () {
    $handlers = new Handlers([new \ArrayObject([1, 2]), 'count']);
    same(2, $handlers->of('any')());
    same(null, Handlers::types([\DateTimeImmutable::class, 'createFromFormat']));
});

test('each type has its function, and hello names them', function () {
    $map = ['up' => 'strtoupper', 'down' => 'strtolower', '7' => 'trim'];
    $handlers = new Handlers($map);
    same(['X', 'x', 'x'], [$handlers->of('up')('x'), $handlers->of('down')('X'), $handlers->of('7')(' x')]);
    same(['up', 'down', '7'], Handlers::types($map));
    same(null, Handlers::types(['up' => 'strtoupper']), 'one name tells nothing apart');
});

test('a task without a type goes to the only handler, or to default', function () {
    same('X', (new Handlers(['up' => 'strtoupper']))->of(null)('x'));
    same('X', (new Handlers(['down' => 'strtolower', 'default' => 'strtoupper']))->of(null)('x'));
});

test('a task nobody takes is invalid', function () {
    foreach ([
        [['up' => 'strtoupper'], 'down', "type 'down'; this worker takes up"],
        [['up' => 'strtoupper', 'default' => 'trim'], 'down', 'takes up, default'],
        [['up' => 'strtoupper', 'down' => 'strtolower'], null, 'without a type'],
    ] as [$map, $type, $says]) {
        throws(Invalid::class, $says, fn () => (new Handlers($map))->of($type));
        try {
            (new Handlers($map))->of($type);
        } catch (Failure $failure) {
            same('task.type_unknown', $failure->getCode());
        }
    }
});

test('what is no function is refused by its name', function () {
    throws(\InvalidArgumentException::class, "'resize' is string", fn () => new Handlers(['resize' => 'no such function']));
    throws(\InvalidArgumentException::class, 'no handlers', fn () => new Handlers([]));
});

/** @return array<string, mixed> */
function taskFields(int $handle): array
{
    return ['handle' => $handle, 'id' => "task-$handle"];
}

test('tasks have their turn in order, and are held until their ack', function () {
    $held = new Held(2);
    $held->hear('task', taskFields(9));
    $held->hear('task', taskFields(4));
    same([9, 4], $held->handles());
    same(9, $held->next()['handle']);
    same([9, 4], $held->handles(), 'the one at hand counts');
    $held->answered(7);
    same([[4], true, true], [$held->handles(), $held->isAnyWaiting(), $held->isAnyUnacked()]);
    $held->hear('ack', ['handle' => 9, 'of' => 10]);
    same(true, $held->isAnyUnacked(), 'the ack of a checkpoint is not that of the result');
    $held->hear('ack', ['handle' => 9, 'of' => 7]);
    same(false, $held->isAnyUnacked());
    same([4, null], [$held->next()['handle'], $held->next()]);
});

test('stale handles are ignored', function () {
    $held = new Held(1);
    $held->hear('cancel', ['handle' => 5, 'reason' => 'operator', 'grace_ms' => 1]);
    $held->hear('ack', ['handle' => 5, 'of' => 7]);
    same(null, $held->cancelOf(5));
    $held->hear('task', taskFields(5));
    same(null, $held->cancelOf(5), 'a cancel from before is not for this task');
    $held->hear('cancel', ['handle' => 5, 'reason' => 'batch', 'grace_ms' => 1]);
    same('batch', $held->cancelOf(5)->reason);
});

test('a handle given twice and tasks over the credits are violations', function () {
    $held = new Held(2);
    $held->hear('task', taskFields(1));
    throws(ProtocolError::class, 'second task', fn () => $held->hear('task', taskFields(1)));
    $held->next();
    throws(ProtocolError::class, 'second task', fn () => $held->hear('task', taskFields(1)));
    $held->answered(8);
    throws(ProtocolError::class, 'second task', fn () => $held->hear('task', taskFields(1)));
    $held->hear('task', taskFields(2));
    $held->hear('task', taskFields(3));
    throws(ProtocolError::class, 'more tasks', fn () => $held->hear('task', taskFields(4)));
});

test('what is held back goes out with what is sent next', function () {
    [$peer, $theirs] = Peer::pair();
    $line = new Line($theirs);
    $line->hold('status', ['text' => 'one']);
    \stream_set_blocking($peer->stream, false);
    same('', (string) \fread($peer->stream, 1));
    \stream_set_blocking($peer->stream, true);
    $line->send('status', ['text' => 'two']);
    $both = packed(STATUS, ['text' => 'one']) . packed(STATUS, ['text' => 'two']);
    same($both, \fread($peer->stream, 1000));
});
