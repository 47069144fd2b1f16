<?php // What `hearken worker-check` asks of a worker, in PHP: the task types echo, fail, slow and large.

declare(strict_types=1);

require __DIR__ . '/../../sdk/php/autoload.php';

use Hearken\Worker\Failure\Invalid;
use Hearken\Worker\Task;
use Hearken\Worker\Tasks;

Tasks::run([
    'echo' => static fn (Task $task): mixed => $task->payload,
    'fail' => static fn (Task $task): mixed => throw new Invalid('as the task asks for', code: 'check.asked'),
    // So many milliseconds, and a look at the line every ten.
    'slow' => static function (Task $task): int {
        $end = hrtime(true) + $task->payload * 1_000_000;
        while (hrtime(true) < $end) {
            $task->check();
            usleep(10_000);
        }

        return $task->payload;
    },
    'large' => static fn (Task $task): string => str_repeat('0123456789abcdef', 96 * 1024),
], credits: 2);
