<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** A mistake in the program. Every exception that is not a Failure is told as this. */
class Bug extends Failure
{
    public const KIND = 'bug';
    public const EXIT_CODE = 70;
    public const SAYS = 'a bug';
}
