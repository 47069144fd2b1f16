<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/**
 * No further try helps until a person acts. Of a service: it is set up wrongly, and stays down. Of a task: that task is
 * given up (`invalid`, not retryable), and neither its worker nor the pool is touched.
 */
class Fatal extends Failure
{
    public const KIND = 'config';
    public const EXIT_CODE = 78;
    public const SAYS = 'it cannot work until somebody acts';
}
