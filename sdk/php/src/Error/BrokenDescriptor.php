<?php

declare(strict_types=1);

namespace Hearken\Worker\Error;

/** HEARKEN_FD is set, but what it names cannot be the line. */
final class BrokenDescriptor extends LineError
{
    public const EXIT_CODE = 78;
}
