<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** The work was given up because it was asked to. */
class Cancelled extends Failure
{
    public const KIND = 'cancelled';
    public const EXIT_CODE = 75;
    public const SAYS = 'cancelled';
}
