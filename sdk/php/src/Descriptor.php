<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Error\BrokenDescriptor;

/** Finds the line: the descriptor that HEARKEN_FD names. */
final class Descriptor
{
    public const VARIABLE = 'HEARKEN_FD';
    private const TYPE_MASK = 0170000;
    private const SOCKET = 0140000;

    /** The line, or null if the variable is not set, which is no fault: an ordinary program. */
    public static function open(): ?Line
    {
        $text = \getenv(self::VARIABLE);
        if ($text === false) {
            return null;
        }
        self::forget();
        if (\preg_match('/^\d{1,9}$/D', $text) !== 1) {
            throw self::broken($text, 'that is not the number of a descriptor');
        }
        if (\PHP_SAPI !== 'cli') {
            throw self::broken($text, 'only the cli of PHP can open a descriptor by its number, not ' . \PHP_SAPI);
        }
        // This duplicates the descriptor; the original stays open until the process ends.
        [$stream, $why] = Quiet::call(static fn (): mixed => \fopen("php://fd/$text", 'r+'));
        if ($stream === false) {
            throw self::broken($text, 'that descriptor is not open (' . \preg_replace('/^.*: /', '', $why ?? '') . ')');
        }
        if ((\fstat($stream)['mode'] & self::TYPE_MASK) !== self::SOCKET) {
            throw self::broken($text, 'that descriptor is not a socket');
        }
        self::closeOnExec($stream);

        return new Line($stream);
    }

    /** A program that this one starts would take another's descriptor for its line. */
    private static function forget(): void
    {
        \putenv(self::VARIABLE);
        // Symfony's Process hands on what stands here.
        unset($_ENV[self::VARIABLE], $_SERVER[self::VARIABLE]);
    }

    /**
     * Keeps the line from programs this one starts, so that its end is seen when this process ends. PHP itself has no
     * way to do that; where ext-ffi is missing they inherit the socket, without knowing its number.
     *
     * @param resource $stream
     */
    private static function closeOnExec($stream): void
    {
        if (!\class_exists(\FFI::class, false)) {
            return;
        }
        try {
            $libc = \FFI::cdef('int fcntl(int fd, int command, ...);');
        } catch (\FFI\Exception) {
            return; // switched off by ffi.enable
        }
        $ours = 'socket:[' . \fstat($stream)['ino'] . ']';
        $setFlags = 2; // F_SETFD
        $closeOnExec = 1; // FD_CLOEXEC
        [$all] = Quiet::call(static fn (): mixed => \scandir('/proc/self/fd'));
        foreach ($all ?: [] as $fd) {
            [$target] = Quiet::call(static fn (): mixed => \readlink("/proc/self/fd/$fd"));
            if ($target === $ours) {
                $libc->fcntl((int) $fd, $setFlags, $closeOnExec);
            }
        }
    }

    private static function broken(string $text, string $why): BrokenDescriptor
    {
        $variable = self::VARIABLE;

        return new BrokenDescriptor(
            "$variable='$text', but $why. Programs between hearken and this one must pass the descriptor on "
            . "or unset $variable; unset it to run without a supervisor",
        );
    }
}
