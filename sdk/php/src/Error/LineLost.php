<?php

declare(strict_types=1);

namespace Hearken\Worker\Error;

/** The supervisor closed the line, or is gone. Nothing can be said any more; finish and exit. */
final class LineLost extends LineError
{
    public const EXIT_CODE = 75;
}
