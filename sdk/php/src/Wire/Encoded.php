<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

/** One value that is MessagePack already: measured once, not written twice. */
final class Encoded
{
    public function __construct(public readonly string $bytes)
    {
    }
}
