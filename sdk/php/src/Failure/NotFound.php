<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** What the work is about does not exist. Never retried. */
class NotFound extends Failure
{
    public const KIND = 'not_found';
    public const EXIT_CODE = 66;
    public const SAYS = 'not found';
}
