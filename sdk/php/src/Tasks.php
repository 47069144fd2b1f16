<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Task\Handlers;

/**
 * A worker of a pool: a process that takes tasks, one after another.
 *
 *     Tasks::run(['resize' => resize(...), 'hash' => fn (Task $task) => sha1_file($task->payload['path'])]);
 */
final class Tasks
{
    /**
     * The whole life of a worker: connects, says what it takes, answers tasks until hearken drains it, and exits.
     *
     * What a handler returns is the result (see Result). What it throws is the error: a Failure as what it is, a Snooze
     * as "not now", anything else as a bug with its trace. Without a supervisor it runs one task, from the first
     * argument or standard input, prints the result as JSON, and ends with the exit code of the error.
     *
     * @param callable(Task): mixed|array<string, callable(Task): mixed> $handlers one for all types of tasks, or one for
     *     each; a task without a type goes to the only one, or to `default`
     * @param int $credits how many tasks hearken hands out ahead, 1 to 65535; more than one saves the way back and forth
     *     between short tasks. They run one after another all the same
     * @param bool $alarm heartbeats and cancels by SIGALRM while a handler computes without a call of its Task; whole
     *     seconds, needs ext-pcntl. It cuts sleep() short and may disturb other calls that wait, so it is off
     */
    public static function run(callable|array $handlers, int $credits = 1, ?string $build = null, bool $alarm = false): never
    {
        $life = static function (Worker $worker) use ($handlers, $credits, $alarm): int {
            if ($credits < 1 || $credits > 0xffff) {
                throw new \InvalidArgumentException("credits: $credits is not from 1 to 65535");
            }

            return $worker->serve(new Handlers($handlers), $credits, $alarm);
        };
        exit(Runner::live($life, $build, Handlers::types($handlers)));
    }
}
