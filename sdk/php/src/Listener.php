<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Error\LineError;
use Hearken\Worker\Error\LineLost;
use Hearken\Worker\Error\ProtocolError;
use Hearken\Worker\Error\Rejected;
use Hearken\Worker\Task\Held;
use Hearken\Worker\Wire\Unsigned;

/**
 * Hears the supervisor: answers pings, keeps what `welcome` said, turns `drain` and SIGTERM into one drain, and hands tasks
 * to those that are held.
 */
final class Listener
{
    /** What has not been looked at for so long may have news: nanoseconds. */
    private const GLANCE = 1_000_000;

    public ?Welcome $welcome = null;
    public ?Drain $drain = null;
    /** Of the last ping; what heartbeats without a ping carry. */
    public int|Unsigned $sequence = 0;
    /** The tasks of a worker that takes some; null: a service. */
    public ?Held $held = null;
    /** When the drain began, in seconds of the monotonic clock. */
    public ?float $drainedAt = null;

    private ?LineError $failure = null;
    /** @var list<callable(Drain): mixed> */
    private array $callbacks = [];
    private bool $toldToDrain = false;
    private bool $announced = false;
    private bool $ended;
    private ?float $beatAt = null;
    private int $lookedAt = 0;

    public function __construct(private readonly ?Line $line, private readonly Termination $termination)
    {
        $this->ended = $line === null;
    }

    /** Whether the supervisor has answered, or never will. */
    public function isAnswered(): bool
    {
        return $this->welcome !== null || $this->ended;
    }

    public function isDraining(): bool
    {
        return $this->drain !== null || $this->termination->signalled();
    }

    /** Whether the supervisor itself said drain; its SIGTERM follows. */
    public function isToldToDrain(): bool
    {
        return $this->toldToDrain && !$this->ended;
    }

    /** Whether there was a supervisor that is there no more. */
    public function isLost(): bool
    {
        return $this->ended && $this->line !== null;
    }

    /** Throws what has gone wrong with the line, if it is more than its end. */
    public function check(): void
    {
        if ($this->failure !== null) {
            throw $this->failure;
        }
    }

    /** @param callable(Drain): mixed $callback */
    public function onDrain(callable $callback): void
    {
        if ($this->announced) {
            $callback($this->drain);
        } else {
            $this->callbacks[] = $callback;
        }
    }

    /** Waits until something happens, $timeout seconds at most, and handles it. */
    public function turn(?float $timeout): void
    {
        // The line before the signal: hearken sends its drain frame, which says more, before it sends SIGTERM.
        $this->listen($this->isDraining() && !$this->announced ? 0.0 : $timeout);
        if ($this->termination->signalled() && $this->drain === null) {
            $this->listen(0.0);
            $this->drains(new Drain('SIGTERM'));
        }
        $this->beatIfDue();
        if ($this->drain !== null && !$this->announced) {
            $this->announce();
        }
    }

    /**
     * A turn that does not wait, at most once in a millisecond: for calls that come as often as a program likes, and
     * are to cost it little.
     */
    public function glance(): void
    {
        if (\hrtime(true) - $this->lookedAt >= self::GLANCE) {
            $this->turn(0.0);
        }
    }

    /**
     * What a signal handler may do between any two steps of the program: hear, and show a sign of life. Throws nothing
     * and calls nobody back.
     */
    public function pulse(): void
    {
        if ($this->line === null || $this->line->isBusy()) {
            return;
        }
        $this->listen(0.0);
        $this->beatIfDue();
    }

    /** Leaves the line. That is no drain: nobody is called. */
    public function close(): void
    {
        if ($this->ended) {
            return;
        }
        // What stays unread at the end reaches the supervisor as ECONNRESET.
        $this->callbacks = [];
        $this->listen(0.0);
        $this->line->end('this worker was closed');
        $this->ended = true;
    }

    private function listen(?float $timeout): void
    {
        if ($this->beatAt !== null) {
            $timeout = \min($timeout ?? \INF, $this->beatAt - self::now());
        }
        if ($this->ended) {
            $this->termination->signalled() || $timeout === 0.0 || $this->termination->sleep($timeout);

            return;
        }
        // A fork must not take the answers from the line of its parent.
        if ($this->line->isForked()) {
            $this->ended = true;

            return;
        }
        $rest = $this->line->timeForTheRest();
        $timeout = $rest === null ? $timeout : \min($timeout ?? \INF, $rest);
        try {
            // Everything that has come: a program that calls only now and then must not fall behind.
            if ($timeout === 0.0 || $this->line->await($timeout)) {
                while ($this->line->receive($this->handle(...)) && !$this->ended);
            }
            $this->line->checkTheRest();
        } catch (LineLost $lost) {
            $this->end($lost->getMessage());
        } catch (ProtocolError | Rejected $failure) {
            $this->failure = $failure;
            $this->end($failure->getMessage());
        }
        $this->lookedAt = \hrtime(true);
    }

    /** @param array<string, mixed> $fields */
    private function handle(string $name, array $fields): void
    {
        switch ($name) {
            case 'ping':
                $this->sequence = $fields['sequence'];
                $this->beat();
                break;
            case 'drain':
                $this->toldToDrain = true;
                $grace = $fields['grace_ms'];
                $this->drains(new Drain($fields['reason'], \is_int($grace) ? $grace / 1000 : null));
                break;
            case 'welcome':
                $this->welcome = new Welcome(
                    $fields['unit'],
                    $fields['instance'],
                    $fields['incarnation'],
                    $fields['max_frame'],
                    $fields['heartbeat_ms'] ?? null,
                    $fields['config'] ?? [],
                );
                $this->planBeat();
                break;
            case 'reject':
                throw new Rejected($fields['code'], $fields['message']);
            default:
                if ($this->held === null) {
                    throw new ProtocolError(
                        "the supervisor sent $name, but this program runs as a service; declare it as one, "
                        . 'or let it take tasks with Tasks::run()',
                    );
                }
                $this->held->hear($name, $fields);
        }
    }

    private function drains(Drain $drain): void
    {
        $this->drain ??= $drain;
        $this->drainedAt ??= self::now();
    }

    private function beatIfDue(): void
    {
        if ($this->beatAt !== null && self::now() >= $this->beatAt) {
            $this->beat();
        }
    }

    private function planBeat(): void
    {
        $every = $this->welcome?->heartbeatMs;
        $this->beatAt = $every ? self::now() + $every / 1000 : null;
    }

    private function beat(): void
    {
        $this->planBeat();
        try {
            $this->line->send('heartbeat', ['sequence' => $this->sequence, 'busy' => $this->held?->handles()]);
        } catch (LineLost) {
            $this->beatAt = null; // receiving tells the end, after what was said before it
        }
    }

    private function end(string $why): void
    {
        $this->line->end($why);
        $this->beatAt = null;
        $this->ended = true;
        $this->drains(new Drain($why));
    }

    private function announce(): void
    {
        // Before the calls: a callback may use the worker.
        $this->announced = true;
        [$callbacks, $this->callbacks] = [$this->callbacks, []];
        foreach ($callbacks as $callback) {
            $callback($this->drain);
        }
    }

    private static function now(): float
    {
        return \hrtime(true) / 1e9;
    }
}
