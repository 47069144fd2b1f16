<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** This process ran out of something (memory, disk, descriptors); another one may do better. */
class Resource extends Failure
{
    public const KIND = 'resource';
    public const EXIT_CODE = 71;
    public const SAYS = 'out of a resource';
}
