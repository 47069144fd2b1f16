<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** The work is not permitted. Never retried. */
class Denied extends Failure
{
    public const KIND = 'denied';
    public const EXIT_CODE = 77;
    public const SAYS = 'not permitted';
}
