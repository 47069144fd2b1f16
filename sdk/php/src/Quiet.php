<?php

declare(strict_types=1);

namespace Hearken\Worker;

/**
 * Calls a function whose warnings are answers: caught and returned, whatever error handler the program has set.
 * (`@` would still call that handler, and many turn every warning into an exception.)
 */
final class Quiet
{
    /**
     * @template T
     * @param callable(): T $function
     * @return array{T, ?string} what it returned, and its last warning
     */
    public static function call(callable $function): array
    {
        $warning = null;
        \set_error_handler(static function (int $level, string $message) use (&$warning): bool {
            $warning = $message;

            return true;
        });
        try {
            $value = $function();

            return [$value, $warning];
        } finally {
            \restore_error_handler();
        }
    }
}
