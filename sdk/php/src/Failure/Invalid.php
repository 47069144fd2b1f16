<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** The input is wrong and stays wrong. Never retried. */
class Invalid extends Failure
{
    public const KIND = 'invalid';
    public const EXIT_CODE = 65;
    public const SAYS = 'invalid input';
}
