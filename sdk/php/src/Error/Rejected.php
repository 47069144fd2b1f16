<?php

declare(strict_types=1);

namespace Hearken\Worker\Error;

/** The supervisor answered `hello` with `reject`. */
final class Rejected extends LineError
{
    public const EXIT_CODE = 78;

    public function __construct(public readonly string $rejectCode, string $message)
    {
        parent::__construct(
            "the supervisor rejected this worker: $message ($rejectCode); "
            . 'install versions of hearken and of this package that speak a common protocol',
        );
    }
}
