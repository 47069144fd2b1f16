<?php

declare(strict_types=1);

namespace Hearken\Worker\Error;

/** This process is a fork of the worker. The line belongs to the process that connected. */
final class ForkedWorker extends LineError
{
    public const EXIT_CODE = 70;
}
