<?php

declare(strict_types=1);

namespace Hearken\Worker\Error;

/** A value cannot be said: it has no MessagePack form, or is not what the field holds. The line is still good. */
final class NotSendable extends LineError
{
    public const EXIT_CODE = 70;
}
