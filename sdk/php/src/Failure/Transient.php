<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** It failed this time; the same again may work. */
class Transient extends Failure
{
    public const KIND = 'transient';
    public const EXIT_CODE = 75;
    public const SAYS = 'failed for now';
}
