<?php

declare(strict_types=1);

namespace Hearken\Worker\Error;

/** The supervisor sent something this package does not understand. The line is over. */
final class ProtocolError extends LineError
{
    public const EXIT_CODE = 76;
}
