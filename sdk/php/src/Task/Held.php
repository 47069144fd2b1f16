<?php

declare(strict_types=1);

namespace Hearken\Worker\Task;

use Hearken\Worker\Error\ProtocolError;

/**
 * The tasks that hearken has handed to this process and has not heard the end of, by handle.
 *
 *     task ──▶ waiting ── next() ──▶ at hand ── answered() ──▶ unacked ── ack ──▶ forgotten
 *
 * A cancel marks a task that is waiting or at hand. Whatever names another handle is stale and ignored.
 */
final class Held
{
    /** @var array<int, array<string, mixed>> the fields of the `task` messages, in order */
    private array $waiting = [];
    private ?int $atHand = null;
    /** @var array<int, Cancel> */
    private array $cancels = [];
    /** @var array<int, int> what answered it: 7 result, 8 error, 11 snooze */
    private array $unacked = [];

    /** @param int $credits how many may be held */
    public function __construct(private readonly int $credits)
    {
    }

    /**
     * @param array<string, mixed> $fields
     * @throws ProtocolError
     */
    public function hear(string $name, array $fields): void
    {
        $handle = $fields['handle'];
        switch ($name) {
            case 'task':
                $this->take($handle, $fields);
                break;
            case 'cancel':
                if (isset($this->waiting[$handle]) || $this->atHand === $handle) {
                    $grace = $fields['grace_ms'];
                    $this->cancels[$handle] ??= new Cancel($fields['reason'], \is_int($grace) ? $grace : null);
                }
                break;
            case 'ack':
                if (($this->unacked[$handle] ?? null) === $fields['of']) {
                    unset($this->unacked[$handle]);
                }
                break;
            default:
                throw new ProtocolError("the supervisor sent $name, which this version does not expect here");
        }
    }

    /** @return array<string, mixed>|null the task whose turn it is, which is at hand from now on */
    public function next(): ?array
    {
        $this->atHand = \array_key_first($this->waiting);
        if ($this->atHand === null) {
            return null;
        }
        $fields = $this->waiting[$this->atHand];
        unset($this->waiting[$this->atHand]);

        return $fields;
    }

    /** The task at hand has its answer: a message of the kind $of. */
    public function answered(int $of): void
    {
        if ($this->atHand !== null) {
            $this->unacked[$this->atHand] = $of;
            unset($this->cancels[$this->atHand]);
            $this->atHand = null;
        }
    }

    public function cancelOf(int $handle): ?Cancel
    {
        return $this->cancels[$handle] ?? null;
    }

    /** @return list<int> every task this process would have to answer */
    public function handles(): array
    {
        $waiting = \array_keys($this->waiting);

        return $this->atHand === null ? $waiting : [$this->atHand, ...$waiting];
    }

    public function isAnyWaiting(): bool
    {
        return $this->waiting !== [];
    }

    public function isAnyUnacked(): bool
    {
        return $this->unacked !== [];
    }

    /** @param array<string, mixed> $fields */
    private function take(int $handle, array $fields): void
    {
        if (isset($this->waiting[$handle]) || $this->atHand === $handle || isset($this->unacked[$handle])) {
            throw new ProtocolError("the supervisor gave the handle $handle to a second task");
        }
        if (\count($this->waiting) + ($this->atHand === null ? 0 : 1) >= $this->credits) {
            throw new ProtocolError("the supervisor handed out more tasks at once than the $this->credits it was asked for");
        }
        $this->waiting[$handle] = $fields;
    }
}
