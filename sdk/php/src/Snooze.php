<?php

declare(strict_types=1);

namespace Hearken\Worker;

/**
 * Thrown by a handler: not now. The task comes back after so many seconds, and no attempt is counted; hearken bounds how
 * often. No failure: for one there is Failure\Failure.
 */
final class Snooze extends \RuntimeException
{
    /** How a process ends that ran this one task without a supervisor (sysexits: try again later). */
    public const EXIT_CODE = 75;

    public function __construct(public readonly float $after, string $reason = 'not now')
    {
        parent::__construct($reason);
    }
}
