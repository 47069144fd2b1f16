<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Error\FrameTooLarge;
use Hearken\Worker\Failure\Bug;
use Hearken\Worker\Failure\Failure;
use Hearken\Worker\Failure\Fatal;
use Hearken\Worker\Failure\Invalid;

/** An exception as the fields of an `error` message. */
final class Ending
{
    private const CAUSES = 8;
    /** Eight causes, the message and the trace have to fit the 64 KiB of a frame before `welcome`. */
    private const CAUSE_LIMIT = 1024;
    /** A hundred years, in seconds; the supervisor has its own idea of what is too long. */
    private const LONGEST = 100 * 365 * 86_400;

    /**
     * A Failure says what it is, anything else is a bug with a trace.
     *
     * @param bool $ofTask whether it ended a task, and not the program
     * @return array<string, mixed>
     */
    public static function describe(\Throwable $exception, bool $ofTask = false): array
    {
        $kind = self::failure($exception, $ofTask)::KIND;
        $fields = ['kind' => $kind] + self::told($exception, $kind, Text::MESSAGE_LIMIT);
        if ($exception instanceof Failure) {
            $fields += [
                'retryable' => $ofTask && $exception instanceof Fatal ? false : $exception->retryable,
                'retry_after_ms' => self::milliseconds($exception->after),
                'scope' => $exception->scope,
                'dependency' => $exception->dependency,
                'details' => Text::plain($exception->details),
            ];
        }
        $fields['causes'] = self::causes($exception) ?: null;
        $fields['trace'] = $kind === Bug::KIND ? self::trace($exception) : null;

        return $fields;
    }

    /**
     * Says an exception as an `error`, without its details if they are too much: the error itself must not be lost.
     *
     * @param callable(array<string, mixed>): void $say
     */
    public static function tell(\Throwable $exception, callable $say, bool $ofTask = false): void
    {
        $fields = self::describe($exception, $ofTask);
        try {
            $say($fields);
        } catch (FrameTooLarge $large) {
            $say(['details' => ['dropped' => $large->getMessage()], 'causes' => null] + $fields);
        }
    }

    public static function exitCode(\Throwable $exception, bool $ofTask = false): int
    {
        return self::failure($exception, $ofTask)::EXIT_CODE;
    }

    /** @return class-string<Failure> the one whose kind and exit code count */
    private static function failure(\Throwable $exception, bool $ofTask): string
    {
        return match (true) {
            // The task is hopeless; nothing is wrong with the program that found out.
            $ofTask && $exception instanceof Fatal => Invalid::class,
            $exception instanceof Failure => $exception::class,
            default => Bug::class,
        };
    }

    /** @return array{code: string, message: string} */
    private static function told(\Throwable $exception, string $kind, int $limit): array
    {
        $name = Text::className($exception);
        $code = $name;
        if ($exception instanceof Failure) {
            // A class of the program names itself; a class of this package says no more than its kind.
            $ours = \str_starts_with($exception::class, __NAMESPACE__ . '\\');
            $code = (string) ($exception->getCode() ?: ($ours ? $kind : $name));
            $name = $exception::SAYS;
        }
        $message = $exception->getMessage();

        return ['code' => Text::cut($code), 'message' => Text::cut($message === '' ? $name : $message, $limit)];
    }

    /** @return list<array{code: string, message: string}> */
    private static function causes(\Throwable $exception): array
    {
        $causes = [];
        while (\count($causes) < self::CAUSES && ($exception = $exception->getPrevious()) !== null) {
            $causes[] = self::told($exception, self::failure($exception, false)::KIND, self::CAUSE_LIMIT);
        }

        return $causes;
    }

    private static function trace(\Throwable $exception): string
    {
        return Text::cut(\sprintf(
            "%s in %s(%d)\n%s",
            $exception::class,
            $exception->getFile(),
            $exception->getLine(),
            $exception->getTraceAsString(),
        ), Text::TRACE_LIMIT);
    }

    /** Seconds as the protocol has them; what is below zero or no number is none, and nothing is longer than a century. */
    public static function milliseconds(?float $seconds): ?int
    {
        if ($seconds === null) {
            return null;
        }

        // Not above zero: below it, or NaN.
        return $seconds > 0 ? (int) \round(\min($seconds, self::LONGEST) * 1000) : 0;
    }
}
