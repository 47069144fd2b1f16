<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** Something this program needs cannot be reached; name it in `dependency`. */
class Unavailable extends Failure
{
    public const KIND = 'unavailable';
    public const EXIT_CODE = 69;
    public const SAYS = 'a dependency is unavailable';
}
