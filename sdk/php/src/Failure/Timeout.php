<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** Something took too long. */
class Timeout extends Failure
{
    public const KIND = 'timeout';
    public const EXIT_CODE = 75;
    public const SAYS = 'took too long';
}
