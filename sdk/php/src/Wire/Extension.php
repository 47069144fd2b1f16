<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

/** A MessagePack extension inside an opaque value; the line itself uses none. */
final class Extension
{
    public function __construct(public readonly int $type, public readonly string $data)
    {
    }
}
