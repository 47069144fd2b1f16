<?php

/** A worker in this process, with the test as its supervisor. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

use Hearken\Worker\Drain;
use Hearken\Worker\Error\FrameTooLarge;
use Hearken\Worker\Error\LineError;
use Hearken\Worker\Error\LineLost;
use Hearken\Worker\Error\NotSendable;
use Hearken\Worker\Error\ProtocolError;
use Hearken\Worker\Error\Rejected;
use Hearken\Worker\Failure\Invalid;
use Hearken\Worker\Line;
use Hearken\Worker\Wire\HalfFrame;
use Hearken\Worker\Worker;

/** @return array<string, string> fields that make a frame of more than 64 KiB */
function much(): array
{
    return \array_fill_keys(\array_map(fn ($i) => "field$i", \range(1, 9)), \str_repeat('x', 8000));
}

test('hello is the first word', function () {
    [$peer, $theirs] = Peer::pair();
    $worker = new Worker(new Line($theirs), build: 'v7');
    [$kind, $fields] = $peer->hear();
    same([HELLO, [1, 1], \getmypid(), 'v7'], [$kind, $fields['protocol'], $fields['pid'], $fields['build']]);
    same('php ' . \PHP_VERSION, $fields['language']);
    isTrue($worker->supervised, 'supervised');
});

test('nothing waits for the welcome', function () {
    [$peer, $worker] = Peer::withWorker();
    $worker->ready();
    same([READY, []], $peer->hear());
    $peer->welcome(config: ['colour' => 'red'], heartbeat_ms: 3_600_000);
    $welcome = $worker->welcome();
    same(['web', 2, 'red'], [$welcome->unit, $welcome->instance, $welcome->config['colour']]);
});

test('a welcome that does not come is an error with a bound', function () {
    [$peer, $worker] = Peer::withWorker();
    throws(LineError::class, 'did not answer', fn () => $worker->welcome(timeout: 0.01));
});

test('a welcome that will never come is an error', function () {
    [$peer, $worker] = Peer::withWorker();
    $peer->close();
    throws(LineLost::class, 'gone', fn () => $worker->welcome());
});

test('what is said arrives', function () {
    [$peer, $worker] = Peer::withWorker();
    $worker->ready(credits: 4);
    $worker->status('up');
    $worker->progress(3, 9, 'files', stage: 'resize', message: 'on it');
    $worker->log('warning', 'disk is filling', ['level' => 7, 'path' => '/var'], target: 'disk');
    $worker->error(new \ValueError('broken'));
    same([READY, ['credits' => 4]], $peer->hear());
    same([STATUS, ['text' => 'up']], $peer->hear());
    $progress = ['done' => 3, 'total' => 9, 'unit' => 'files', 'stage' => 'resize', 'message' => 'on it'];
    same([PROGRESS, $progress], $peer->hear());
    [$kind, $log] = $peer->hear();
    same([LOG, 3, ['level' => 7, 'path' => '/var'], 'disk'], [$kind, $log['level'], $log['fields'], $log['target']]);
    isTrue(\abs($log['time'] / 1e6 - \time()) < 60, 'the time in microseconds');
    [$kind, $error] = $peer->hear();
    same([ERROR, 'bug', 'ValueError'], [$kind, $error['kind'], $error['code']]);
});

test('a list of log fields has numbers for names', function () {
    [$peer, $worker] = Peer::withWorker();
    $worker->log('info', 'x', ['a', 'b']);
    same([0 => 'a', 1 => 'b'], $peer->hear()[1]['fields']);
});

test('an unknown level is refused here', function () {
    [$peer, $worker] = Peer::withWorker();
    throws(NotSendable::class, 'level', fn () => $worker->log('loud', 'x'));
});

test('a ping is answered with its sequence', function () {
    [$peer, $worker] = Peer::withWorker();
    foreach (["\x05" => 5, "\xcf" . \str_repeat("\xff", 8) => '18446744073709551615'] as $sequence => $heard) {
        $body = "\x92\x26\x81\xa8sequence" . $sequence;
        $peer->write(\pack('N', \strlen($body)) . $body);
        $worker->wait(0);
        same([HEARTBEAT, ['sequence' => $heard]], $peer->hear());
    }
});

test('every call answers what has come', function () {
    [$peer, $worker] = Peer::withWorker();
    $peer->say(PING, sequence: 1);
    $peer->say(PING, sequence: 2);
    $worker->progress(1);
    same([HEARTBEAT, HEARTBEAT, PROGRESS], [$peer->hear()[0], $peer->hear()[0], $peer->hear()[0]]);
});

test('heartbeats come as often as welcome asks', function () {
    [$peer, $worker] = Peer::withWorker();
    $peer->welcome(heartbeat_ms: 1);
    $worker->wait(0.02);
    same([HEARTBEAT, ['sequence' => 0]], $peer->hear());
    same([HEARTBEAT, ['sequence' => 0]], $peer->hear());
});

test('a frame in pieces is one frame', function () {
    [$peer, $worker] = Peer::withWorker();
    $whole = packed(DRAIN, ['grace_ms' => 1500, 'reason' => 'deploy']);
    foreach (\str_split(\substr($whole, 0, -1)) as $byte) {
        $peer->write($byte);
        same(false, $worker->draining());
    }
    $peer->write($whole[-1]);
    same(true, $worker->draining());
});

test('a drain ends a wait and calls back once', function () {
    [$peer, $worker] = Peer::withWorker();
    $drains = [];
    $worker->onDrain(function (Drain $drain) use (&$drains) {
        $drains[] = $drain;
    });
    same([false, null], [$worker->draining(), $worker->drain()]);
    $peer->say(DRAIN, grace_ms: 1500, reason: 'deploy');
    $peer->say(DRAIN, grace_ms: 100, reason: 'again');
    $started = \hrtime(true);
    same(true, $worker->wait(PATIENCE));
    same(true, $worker->wait(), 'while draining it returns at once');
    isTrue(\hrtime(true) - $started < 1e9 * PATIENCE / 4, 'neither waits');
    same([1, 'deploy', 1.5], [\count($drains), $drains[0]->reason, $worker->drain()->grace]);
    $worker->onDrain(function (Drain $drain) use (&$drains) {
        $drains[] = $drain;
    });
    same(2, \count($drains), 'a callback that comes late is called at once');
    $worker->status('finishing');
    same([STATUS, ['text' => 'finishing']], $peer->hear());
});

test('a callback that throws throws where the drain was noticed', function () {
    [$peer, $worker] = Peer::withWorker();
    $worker->onDrain(fn () => throw new \LogicException('stumbled'));
    $peer->say(DRAIN, grace_ms: 1, reason: 'x');
    throws(\LogicException::class, 'stumbled', fn () => $worker->wait());
    same(true, $worker->draining(), 'the line goes on');
});

test('a wait without news lasts its time', function () {
    [$peer, $supervised] = Peer::withWorker();
    foreach ([$supervised, new Worker()] as $worker) {
        $started = \hrtime(true);
        same(false, $worker->wait(0.02));
        isTrue(\hrtime(true) - $started >= 20_000_000, 'not shorter');
        $worker->close();
    }
});

test('a reject is an exception', function () {
    [$peer, $worker] = Peer::withWorker();
    $peer->say(REJECT, code: 'unsupported_protocol', message: 'speaks 2 to 3');
    throws(Rejected::class, 'speaks 2 to 3', fn () => $worker->wait());
    throws(Rejected::class, 'speaks 2 to 3', fn () => $worker->ready());
    same(true, $worker->draining());
});

test('a reject before the end of the line is not missed', function () {
    [$peer, $worker] = Peer::withWorker();
    $peer->say(REJECT, code: 'x', message: 'no');
    $peer->close();
    throws(Rejected::class, 'no', fn () => $worker->ready());
});

test('the end of the line drains, and what is said after it is an error', function () {
    [$peer, $worker] = Peer::withWorker();
    $peer->close();
    same(true, $worker->wait());
    isTrue(\str_contains($worker->drain()->reason, 'gone'), 'the reason');
    throws(LineLost::class, 'gone', fn () => $worker->status('anybody?'));
    throws(LineLost::class, 'gone', fn () => $worker->status('anybody?'));
});

test('an end in the middle of a frame is named', function () {
    [$peer, $worker] = Peer::withWorker();
    $peer->write("\0\0");
    $peer->close();
    $worker->wait();
    isTrue(\str_contains($worker->drain()->reason, 'in the middle of a frame'), $worker->drain()->reason);
});

test('what cannot be understood ends the line', function () {
    foreach ([
        'a frame over the limit' => "\x7f\xff\xff\xff",
        'a frame of nothing' => "\0\0\0\0",
        'not a frame' => "\0\0\0\x03abc",
        'an unknown critical kind' => packed(63, []),
        'a task for a service' => packed(TASK, ['handle' => 1, 'id' => 'x', 'attempt' => 1, 'crashes' => 0, 'payload' => 1]),
    ] as $about => $bytes) {
        [$peer, $worker] = Peer::withWorker();
        $peer->write($bytes);
        throws(ProtocolError::class, '', fn () => $worker->wait(PATIENCE), $about);
        same([], $peer->hearAll(), $about);
    }
});

test('a frame left half ends the line', function () {
    [$peer, $theirs] = Peer::pair();
    $worker = new Worker(new Line($theirs, new HalfFrame(0.03)));
    same(HELLO, $peer->hear()[0]);
    $peer->write(packed(PING, ['sequence' => 1]) . \substr(packed(PING, ['sequence' => 2]), 0, 7));
    throws(ProtocolError::class, 'half after 7 bytes', fn () => $worker->wait());
    same([[HEARTBEAT, ['sequence' => 1]]], $peer->hearAll());
});

test('unknown ancillary messages are dropped', function () {
    [$peer, $worker] = Peer::withWorker();
    $peer->say(100, whatever: [1]);
    $peer->say(PING, sequence: 5);
    $worker->wait(0);
    same([HEARTBEAT, ['sequence' => 5]], $peer->hear());
});

test('the limit of a frame is 64 KiB until welcome says otherwise', function () {
    [$peer, $worker] = Peer::withWorker();
    throws(FrameTooLarge::class, 'limit of 65536', fn () => $worker->log('info', 'much', much()));
    // Its limit counts for the frame right behind it, too.
    $peer->write(packed(WELCOME, WELCOME_FIELDS) . packed(DRAIN, ['grace_ms' => 1, 'reason' => \str_repeat('x', 70_000)]));
    $worker->wait();
    $worker->log('info', 'much', much());
    same(LOG, $peer->hear()[0]);
});

test('an error too large for a frame is told without its details', function () {
    [$peer, $worker] = Peer::withWorker();
    $worker->error(new Invalid('bad rows', details: much()));
    $fields = $peer->hear()[1];
    same('bad rows', $fields['message']);
    isTrue(\str_contains($fields['details']['dropped'], 'limit'), 'says what was dropped');
});

test('after exiting only farewells are said', function () {
    [$peer, $worker] = Peer::withWorker();
    $worker->exiting('restart_now', 'upgrade');
    foreach ([$worker->ready(...), $worker->exiting(...), $worker->progress(...)] as $late) {
        throws(NotSendable::class, 'after exiting', $late);
    }
    $worker->status('bye');
    $worker->log('info', 'bye');
    $worker->heartbeat();
    $worker->metric('byes', 1);
    $worker->event('bye.said');
    $worker->close();
    $heard = $peer->hearAll();
    same([EXITING, ['intent' => 'restart_now', 'reason' => 'upgrade']], $heard[0]);
    same([STATUS, LOG, HEARTBEAT, METRIC, EVENT], \array_column(\array_slice($heard, 1), 0));
});

test('a close is no drain', function () {
    [$peer, $worker] = Peer::withWorker();
    $worker->onDrain(fn () => throw new \LogicException('called'));
    $worker->close();
    same([null, false], [$worker->drain(), $worker->draining()]);
    throws(LineLost::class, 'closed', fn () => $worker->status('x'));
});
