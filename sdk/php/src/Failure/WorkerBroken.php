<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/**
 * This process cannot go on (a connection that does not come back, a library in a wrong state); the task is not to blame
 * and runs again elsewhere. The worker takes no more tasks and is replaced.
 */
class WorkerBroken extends Resource
{
    public const SAYS = 'this worker is broken';

    protected $code = 'worker.broken';
    public ?string $scope = 'worker';
}
