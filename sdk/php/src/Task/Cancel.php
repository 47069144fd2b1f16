<?php

declare(strict_types=1);

namespace Hearken\Worker\Task;

/** Somebody wants a task to end early. */
final class Cancel
{
    /** When the grace is over, in seconds of the monotonic clock; null if that was not said. */
    public readonly ?float $deadline;

    /** @param string $reason timeout, operator, batch, lease_lost or shutdown */
    public function __construct(public readonly string $reason, ?int $graceMs)
    {
        $this->deadline = $graceMs === null ? null : \hrtime(true) / 1e9 + $graceMs / 1000;
    }
}
