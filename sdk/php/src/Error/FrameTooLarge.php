<?php

declare(strict_types=1);

namespace Hearken\Worker\Error;

/** What was to be said does not fit one frame. Nothing was sent; the line is still good. */
final class FrameTooLarge extends LineError
{
    public const EXIT_CODE = 70;
}
