<?php

/** `php tests/bench.php`: empty tasks per second of one worker, with a supervisor that does as little as it can. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

require __DIR__ . '/../autoload.php';
require __DIR__ . '/lib.php';
require __DIR__ . '/peer.php';

function handedOut(int $handle): string
{
    return packed(TASK, ['handle' => $handle, 'id' => '019a7c25-d3c7-7000-8000-000000000001', 'attempt' => 1, 'crashes' => 0,
        'payload' => ['image' => 'a.png']]);
}

/** Seconds of processor time that ended children have used. */
function spent(): float
{
    $used = \getrusage(1);

    return $used['ru_utime.tv_sec'] + $used['ru_stime.tv_sec'] + ($used['ru_utime.tv_usec'] + $used['ru_stime.tv_usec']) / 1e6;
}

/** @return array{float, float} tasks per second, and microseconds of processor time that the worker spent on each */
function measured(int $credits, int $count): array
{
    $before = spent();
    $child = new Child("Hearken\Worker\Tasks::run(fn () => null, credits: $credits);");
    $peer = $child->peer;
    same([HELLO, READY], [$peer->hear()[0], $peer->hear()[0]]);
    $peer->welcome();
    // Written before the clock starts: the figure is the worker's, as far as the pair of processes allows.
    $tasks = [];
    for ($handle = 1; $handle <= $count; $handle++) {
        $tasks[$handle] = handedOut($handle);
    }
    \stream_set_read_buffer($peer->stream, 0);
    $started = \hrtime(true);
    $given = \min($credits, $count);
    $peer->write(\implode('', \array_slice($tasks, 0, $given)));
    $answered = 0;
    $kept = '';
    while ($answered < $count) {
        $kept .= \fread($peer->stream, 1 << 16);
        $answer = '';
        for ($at = 0; \strlen($kept) - $at > 5 && \strlen($kept) - $at >= 4 + $length = \unpack('N', $kept, $at)[1]; $at += 4 + $length) {
            if ($kept[$at + 5] === "\x07") {
                $answered++;
                $answer .= packed(ACK, ['handle' => $answered, 'of' => RESULT]);
                $answer .= $given < $count ? $tasks[++$given] : '';
            }
        }
        $kept = \substr($kept, $at);
        $answer === '' ?: $peer->write($answer);
    }
    $seconds = (\hrtime(true) - $started) / 1e9;
    $peer->say(DRAIN, grace_ms: 1000, reason: 'measured');
    $peer->hearAll();
    same(0, $child->finish()[0]);

    return [$count / $seconds, (spent() - $before) / $count * 1e6];
}

foreach ([1, 16] as $credits) {
    $count = 50_000;
    $runs = \array_map(static fn (): array => measured($credits, $count), \range(1, 5));
    \sort($runs);
    [[$least], , [$rate, $cost], , [$most]] = $runs;
    \printf("%2d credits: %d tasks/s (median of 5, from %d to %d), %.1f us each\n", $credits, $rate, $least, $most, $cost);
}
