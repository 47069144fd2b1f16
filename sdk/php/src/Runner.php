<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Error\ForkedWorker;
use Hearken\Worker\Error\LineError;
use Hearken\Worker\Error\LineLost;
use Hearken\Worker\Error\NotSendable;
use Hearken\Worker\Error\ProtocolError;
use Hearken\Worker\Error\Rejected;
use Hearken\Worker\Failure\Bug;
use Hearken\Worker\Failure\Failure;
use Hearken\Worker\Failure\Resource;

/** A function as a supervised process, whose ending says what it was. */
final class Runner
{
    private const FATAL = \E_ERROR | \E_PARSE | \E_CORE_ERROR | \E_COMPILE_ERROR;

    /** @param callable(Worker): mixed $main the main function of a service, whose return is its last word */
    public static function run(callable $main, ?string $build): int
    {
        return self::live(static function (Worker $worker) use ($main): int {
            $main($worker);
            self::farewell($worker);

            return 0;
        }, $build);
    }

    /**
     * @param callable(Worker): int $life gives the exit code
     * @param list<string>|null $taskTypes
     */
    public static function live(callable $life, ?string $build, ?array $taskTypes = null): int
    {
        try {
            $worker = Worker::connect($build, $taskTypes);
        } catch (LineError $broken) {
            Console::complain($broken->getMessage());

            return $broken::EXIT_CODE;
        }
        $guard = self::guard($worker);
        $code = self::outcome($life, $worker);
        $guard->done = true;
        $worker->leave();

        return $code;
    }

    /** @param callable(Worker): int $life */
    private static function outcome(callable $life, Worker $worker): int
    {
        try {
            return $life($worker);
        } catch (LineLost | Rejected | ProtocolError $over) {
            // Not a mistake of the program: one line, no trace.
            Console::complain($over->getMessage());

            return $over::EXIT_CODE;
        } catch (\Throwable $exception) {
            self::tell($worker, $exception);

            return Ending::exitCode($exception);
        }
    }

    private static function farewell(Worker $worker): void
    {
        try {
            $worker->exiting();
        } catch (NotSendable | LineLost | ForkedWorker) {
            // Main has said it already, nobody is left to hear it, or this is only a fork; the work is done all the same.
        }
    }

    private static function tell(Worker $worker, \Throwable $exception): void
    {
        try {
            if ($worker->answer !== null) {
                $worker->answer->error($exception);
                $worker->answer->send();
            } else {
                $worker->error($exception);
            }
        } catch (LineError $unheard) {
            Console::complain($unheard->getMessage());
            Console::show('error', Ending::describe($exception));
        }
    }

    /** Fatal errors are no exceptions: PHP ends at once, and only shutdown functions still run. */
    private static function guard(Worker $worker): \stdClass
    {
        $guard = new \stdClass();
        $guard->done = false;
        // Given back when the memory ran out, so that there is some to tell it with.
        $guard->reserve = \str_repeat("\0", 256 * 1024);
        \register_shutdown_function(static function () use ($guard, $worker): void {
            $guard->reserve = null;
            $last = \error_get_last();
            if ($guard->done) {
                return;
            }
            if ($last !== null && ($last['type'] & self::FATAL) !== 0) {
                $failure = self::fatal($last['message'], $last['file'], $last['line']);
                self::tell($worker, $failure);
                $worker->leave();
                exit($failure::EXIT_CODE);
            }
            if ($worker->answer !== null && !$worker->isForked()) {
                self::tell($worker, new Bug('the handler ended the process with exit; let it return', code: 'task.exited'));
                $worker->leave();
            }
        });

        return $guard;
    }

    private static function fatal(string $message, string $file, int $line): Failure
    {
        $memory = \str_contains($message, 'Allowed memory size');
        $failure = $memory ? Resource::class : Bug::class;

        return new $failure("$message in $file($line)", code: $memory ? 'php.memory_limit' : 'php.fatal');
    }
}
