<?php

declare(strict_types=1);

namespace Hearken\Worker\Error;

/**
 * Something is wrong with the line to the supervisor. Each message says what, why and the next step.
 *
 * What can go wrong with the *work* is in Hearken\Worker\Failure; those are yours to throw.
 */
class LineError extends \RuntimeException
{
    /** How a process ends that cannot go on because of this (sysexits). */
    public const EXIT_CODE = 75;
}
