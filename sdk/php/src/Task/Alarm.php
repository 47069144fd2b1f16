<?php

declare(strict_types=1);

namespace Hearken\Worker\Task;

use Hearken\Worker\Failure\Fatal;
use Hearken\Worker\Listener;
use Hearken\Worker\Worker;

/** SIGALRM as a pulse: heartbeats and cancels while a handler computes without a call of its task. */
final class Alarm
{
    private ?int $every = null;

    public function __construct(Worker $worker, private readonly Listener $listener)
    {
        if (!\function_exists('pcntl_alarm') || !\function_exists('pcntl_signal') || !\function_exists('pcntl_async_signals')) {
            throw new Fatal('the option alarm needs ext-pcntl; load it, or call the task now and then in long work');
        }
        \pcntl_async_signals(true);
        \pcntl_signal(\SIGALRM, function () use ($worker): void {
            // Between tasks the loop itself hears.
            if ($worker->answer !== null) {
                $this->listener->pulse();
            }
            \pcntl_alarm($this->every ?? 0);
        });
    }

    /** Starts once it is known how often: as `welcome` says, in whole seconds. */
    public function plan(): void
    {
        if ($this->every === null && $this->listener->welcome?->heartbeatMs !== null) {
            $this->every = \max(1, \intdiv($this->listener->welcome->heartbeatMs, 1000));
            \pcntl_alarm($this->every);
        }
    }

    public function stop(): void
    {
        $this->every = null;
        \pcntl_alarm(0);
        \pcntl_signal(\SIGALRM, \SIG_DFL);
    }
}
