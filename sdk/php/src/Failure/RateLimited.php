<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** A service asks us to slow down: not before `after` seconds. Costs no attempt. */
class RateLimited extends Failure
{
    public const KIND = 'rate_limited';
    public const EXIT_CODE = 75;
    public const SAYS = 'rate limited';
}
