<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Error\LineError;
use Hearken\Worker\Error\LineLost;
use Hearken\Worker\Error\ProtocolError;
use Hearken\Worker\Error\Rejected;
use Hearken\Worker\Wire\Unsigned;

/** Hears the supervisor: answers pings, keeps what `welcome` said, turns `drain` and SIGTERM into one drain. */
final class Listener
{
    public ?Welcome $welcome = null;
    public ?Drain $drain = null;
    /** Of the last ping; what heartbeats without a ping carry. */
    public int|Unsigned $sequence = 0;

    private ?LineError $failure = null;
    /** @var list<callable(Drain): mixed> */
    private array $callbacks = [];
    private bool $toldToDrain = false;
    private bool $announced = false;
    private bool $ended;
    private ?float $beatAt = null;

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
            $this->drain ??= new Drain('SIGTERM');
        }
        if ($this->beatAt !== null && self::now() >= $this->beatAt) {
            $this->beat();
        }
        $this->announce();
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
        try {
            // Everything that has come: a program that calls only now and then must not fall behind.
            while (!$this->ended && $this->line->await($timeout)) {
                $this->line->receive($this->handle(...));
                $timeout = 0.0;
            }
        } catch (LineLost $lost) {
            $this->end($lost->getMessage());
        } catch (ProtocolError | Rejected $failure) {
            $this->failure = $failure;
            $this->end($failure->getMessage());
        }
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
                $this->drain ??= new Drain($fields['reason'], \is_int($grace) ? $grace / 1000 : null);
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
                // The task side joins here.
                throw new ProtocolError(
                    "the supervisor sent $name, but this version of the package runs services, not tasks; "
                    . 'declare the program as a service, or install a newer version',
                );
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
            $this->line->send('heartbeat', ['sequence' => $this->sequence]);
        } catch (LineLost) {
            $this->beatAt = null; // receiving tells the end, after what was said before it
        }
    }

    private function end(string $why): void
    {
        $this->line->end($why);
        $this->beatAt = null;
        $this->ended = true;
        $this->drain ??= new Drain($why);
    }

    private function announce(): void
    {
        if ($this->drain === null || $this->announced) {
            return;
        }
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
