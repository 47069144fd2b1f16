<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

/** A string that is to be sent as `bin`, whether or not it happens to be UTF-8. */
final class Bytes
{
    public function __construct(public readonly string $value)
    {
    }
}
