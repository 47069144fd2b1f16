<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/** Another word for Transient. */
class Retryable extends Transient
{
}
