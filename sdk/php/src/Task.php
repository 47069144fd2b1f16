<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Failure\Cancelled;
use Hearken\Worker\Task\Cancel;
use Hearken\Worker\Task\Voice;

/**
 * One piece of work, as its handler sees it.
 *
 * PHP has no thread to listen in: every call of the task serves the line, so long work calls progress(), check() or
 * cancelled() now and then, and sleeps in wait(). They look at most once in a millisecond, so they may stand in a loop.
 */
final class Task
{
    use Speech;

    public readonly string $id;
    public readonly ?string $type;
    public readonly mixed $payload;
    /** What the payload is, if its submitter said so. */
    public readonly ?string $contentType;
    /** From 1; crashes and snoozes are counted apart. */
    public readonly int $attempt;
    public readonly int $crashes;
    /** The idempotency key: the submitter's, or else the id. The same in every attempt. */
    public readonly string $key;
    /** @var array<string, string> */
    public readonly array $headers;
    public readonly ?string $traceparent;
    public readonly ?string $batch;
    /** The bytes that an earlier attempt gave to checkpoint(). */
    public readonly ?string $checkpoint;
    /** @var array<string, mixed>|null why the attempt before this one failed: `kind`, `code`, `message`, … */
    public readonly ?array $lastError;

    private readonly ?float $soft;
    private readonly ?float $hard;
    private int $checkpoints = 0;

    /**
     * @internal the package makes it
     * @param array<string, mixed> $fields of the `task` message
     */
    public function __construct(array $fields, private readonly Voice $voice, public readonly Worker $worker)
    {
        $this->id = $fields['id'];
        $this->type = $fields['type'] ?? null;
        $this->payload = $fields['payload'];
        $this->contentType = $fields['content_type'] ?? null;
        $this->attempt = $fields['attempt'];
        $this->crashes = $fields['crashes'];
        $this->key = $fields['key'] ?? $fields['id'];
        $this->headers = $fields['headers'] ?? [];
        $this->traceparent = $fields['traceparent'] ?? null;
        $this->batch = $fields['batch'] ?? null;
        $this->checkpoint = $fields['checkpoint'] ?? null;
        $this->lastError = $fields['last_error'] ?? null;
        // Both clocks started with `accepted`, which has just gone out.
        $this->soft = self::clock($fields['soft_ms'] ?? null);
        $this->hard = self::clock($fields['hard_ms'] ?? null);
    }

    /**
     * Keeps bytes for the next attempt, should this one fail or crash: 64 KiB at most. The last ones count.
     *
     * @throws Error\NotSendable if there are more
     */
    public function checkpoint(string $data): void
    {
        $this->say('checkpoint', ['sequence' => $this->checkpoints, 'data' => $data]);
        $this->checkpoints++;
    }

    /**
     * Why this task should end early, or null: timeout (the soft deadline), operator, batch, shutdown, or lease_lost (its
     * answer would count for nothing any more).
     */
    public function cancelled(): ?string
    {
        return $this->cancel()?->reason;
    }

    /** @throws Cancelled if the task should end early; let it pass */
    public function check(): void
    {
        $reason = $this->cancelled();
        if ($reason !== null) {
            throw self::cancellation($reason);
        }
    }

    /** Sleeps so many seconds, but listens: returns early when the task is cancelled. Returns cancelled(). */
    public function wait(float $seconds): ?string
    {
        $until = self::now() + $seconds;
        while ($this->cancelled() === null && ($left = $until - self::now()) > 0) {
            $this->voice->wait($left);
        }

        return $this->cancelled();
    }

    /** Whether this worker is to take no more tasks; this one is still to be finished. */
    public function draining(): bool
    {
        $this->voice->hear();

        return $this->voice->isDraining();
    }

    /** Seconds until the worker is killed over this task: its hard deadline, or the grace after a cancel; null: no limit. */
    public function timeLeft(): ?float
    {
        $ends = \array_filter([$this->hard, $this->cancel()?->deadline], static fn (?float $end): bool => $end !== null);

        return $ends === [] ? null : \max(0.0, \min($ends) - self::now());
    }

    /** Seconds until hearken asks this task to end, with a cancel whose reason is timeout; null: never. */
    public function softTimeLeft(): ?float
    {
        return $this->soft === null ? null : \max(0.0, $this->soft - self::now());
    }

    /** The hard deadline, in the seconds of hrtime(true) / 1e9; null: none. */
    public function deadline(): ?float
    {
        return $this->hard;
    }

    /** @internal */
    public static function cancellation(string $reason): Cancelled
    {
        return new Cancelled("the task was cancelled: $reason", details: ['reason' => $reason]);
    }

    protected function say(string $name, array $fields): void
    {
        $this->voice->say($name, $fields);
    }

    private function cancel(): ?Cancel
    {
        $this->voice->hear();

        return $this->voice->cancel();
    }

    private static function clock(mixed $ms): ?float
    {
        // What no PHP integer holds is no deadline that anybody lives to see.
        return \is_int($ms) ? self::now() + $ms / 1000 : null;
    }

    private static function now(): float
    {
        return \hrtime(true) / 1e9;
    }
}
