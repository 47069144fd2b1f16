<?php // A worker that a bad service stands behind: a third of its tasks fail at first, by two codes. By hand: php unsteady.php hello

require __DIR__ . '/../autoload.php';

use Hearken\Worker\Failure\RateLimited;
use Hearken\Worker\Failure\Retryable;
use Hearken\Worker\Task;
use Hearken\Worker\Tasks;

Tasks::run(function (Task $task): string {
    // The same tasks every time, whoever has them.
    $luck = crc32($task->payload) % 6;
    if ($luck === 0 && $task->attempt < 3) {
        throw new Retryable('the service took too long', code: 'search.timeout');
    }
    if ($luck === 1 && $task->attempt < 2) {
        throw new RateLimited('the service wants a rest', after: 0.02, code: 'search.quota');
    }

    return strtoupper($task->payload);
}, credits: 4);
