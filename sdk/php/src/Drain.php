<?php

declare(strict_types=1);

namespace Hearken\Worker;

/** Finish what is in hand, then return. */
final class Drain
{
    /** @param float|null $grace seconds that are left before the kill, if that was said */
    public function __construct(public readonly string $reason, public readonly ?float $grace = null)
    {
    }
}
