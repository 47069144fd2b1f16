<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** Somebody else was faster (a lock, a version). */
class Conflict extends Failure
{
    public const KIND = 'conflict';
    public const EXIT_CODE = 75;
    public const SAYS = 'in conflict with another change';
}
