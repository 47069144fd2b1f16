<?php

declare(strict_types=1);

namespace Hearken\Worker;

/**
 * SIGTERM, taken as the request to drain that it is. Only where the program has no handler of its own, and only with
 * ext-pcntl; without it SIGTERM ends PHP at once, and there is no draining.
 */
final class Termination
{
    /** Seconds from a drain frame to its SIGTERM; many times what it takes. */
    private const BEHIND_DRAIN = 0.05;

    private bool $signalled = false;
    private ?\Closure $handler = null;

    public function __construct()
    {
        // Hosts like to disable single functions of pcntl.
        $able = \function_exists('pcntl_signal') && \function_exists('pcntl_async_signals');
        if ($able && \pcntl_signal_get_handler(\SIGTERM) === \SIG_DFL) {
            // It runs between any two operations, so it does nothing but raise a flag.
            $this->handler = function (): void {
                $this->signalled = true;
            };
            \pcntl_async_signals(true);
            // Without restart: a wait in the kernel ends at the signal.
            \pcntl_signal(\SIGTERM, $this->handler, false);
        }
    }

    public function signalled(): bool
    {
        return $this->signalled;
    }

    public function isInstalled(): bool
    {
        return $this->handler !== null && \pcntl_signal_get_handler(\SIGTERM) === $this->handler;
    }

    /** Sleep until SIGTERM or the end of the time, whichever is first. Another signal may end it early. */
    public function sleep(?float $seconds): void
    {
        $seconds = \min($seconds ?? \INF, 86_400.0);
        $whole = (int) $seconds;
        $nanoseconds = (int) (($seconds - $whole) * 1e9);
        if (!$this->isInstalled() || !\function_exists('pcntl_sigtimedwait')) {
            \time_nanosleep($whole, $nanoseconds);

            return;
        }
        // Blocked from here on, a SIGTERM cannot slip in between the look at the flag and the sleep.
        \pcntl_sigprocmask(\SIG_BLOCK, [\SIGTERM], $before);
        if (!$this->signalled) {
            $info = [];
            [$number] = Quiet::call(static function () use (&$info, $whole, $nanoseconds): int|false {
                return \pcntl_sigtimedwait([\SIGTERM], $info, $whole, $nanoseconds);
            });
            $this->signalled = $number === \SIGTERM;
        }
        \pcntl_sigprocmask(\SIG_SETMASK, $before);
    }

    /** Back to the default, unless the program has put its own handler there since. */
    public function remove(): void
    {
        $this->replace(\SIG_DFL);
    }

    /**
     * For a process that is on its way out. hearken sends SIGTERM right behind its drain frame; it must not turn the
     * exit of a program that was quick to drain into a death by signal.
     *
     * @param bool $expected whether a SIGTERM is still on its way
     */
    public function ignore(bool $expected): void
    {
        // Waited for, a moment: ignoring it is not enough, since ext-pcntl puts the default action back while PHP
        // shuts down.
        if ($expected && !$this->signalled && $this->isInstalled()) {
            $this->sleep(self::BEHIND_DRAIN);
        }
        $this->replace(\SIG_IGN);
    }

    private function replace(int $handler): void
    {
        if ($this->isInstalled()) {
            \pcntl_signal(\SIGTERM, $handler);
        }
        $this->handler = null;
    }
}
