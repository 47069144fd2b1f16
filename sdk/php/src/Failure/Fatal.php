<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** The program is set up wrongly and cannot work until somebody mends the configuration. */
class Fatal extends Failure
{
    public const KIND = 'config';
    public const EXIT_CODE = 78;
    public const SAYS = 'the configuration is wrong';
}
