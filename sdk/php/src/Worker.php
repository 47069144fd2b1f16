<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Error\LineError;
use Hearken\Worker\Error\LineLost;
use Hearken\Worker\Task\Alone;
use Hearken\Worker\Task\Answer;
use Hearken\Worker\Task\Handlers;
use Hearken\Worker\Task\Loop;
use Hearken\Worker\Wire\Messages;

/**
 * This process as its supervisor knows it. Speaks to the supervisor, or to standard error when there is none.
 *
 * PHP has no thread to listen in: every call serves the line, answers pings and sees a drain. Long work therefore calls
 * progress() or heartbeat() now and then, and sleeps in wait().
 */
final class Worker
{
    use Speech;

    public const VERSION = '0.1.0';

    private static ?self $current = null;

    /** Whether there is a supervisor to speak to. */
    public readonly bool $supervised;

    /** @internal the answer to the task at hand, while its handler runs */
    public ?Answer $answer = null;

    private readonly Termination $termination;
    private readonly Listener $listener;

    /**
     * The worker of this process: on the line that HEARKEN_FD names, or on its own if that is not set.
     *
     * A process has one line, so a second call returns the same worker.
     *
     * @param string|null $build the version of your program
     * @param list<string>|null $taskTypes the types of tasks it takes, if it takes tasks and not all of them
     */
    public static function connect(?string $build = null, ?array $taskTypes = null): self
    {
        return self::$current ??= new self(Descriptor::open(), $build, $taskTypes);
    }

    /**
     * Connects, calls `$main($worker)`, tells how it ended, and exits.
     *
     * A return is `exiting{done}` and exit 0; a Failure is an `error` and its exit code; any other exception is an
     * `error` of kind `bug` with its trace, and exit 70. `exit` inside $main keeps its code and is not told.
     * For a worker that takes tasks there is Tasks::run().
     *
     * @param callable(self): mixed $main
     */
    public static function run(callable $main, ?string $build = null): never
    {
        exit(Runner::run($main, $build));
    }

    /** Use connect() or run(); this is for a line of your own. */
    public function __construct(private readonly ?Line $line = null, ?string $build = null, ?array $taskTypes = null)
    {
        $this->supervised = $line !== null;
        $this->termination = new Termination();
        $this->listener = new Listener($line, $this->termination);
        $this->say('hello', [
            'protocol' => Messages::PROTOCOL,
            'sdk' => 'hearken-php/' . self::VERSION,
            'language' => 'php ' . \PHP_VERSION,
            'pid' => \getmypid(),
            'build' => $build,
            'task_types' => $taskTypes,
        ]);
    }

    /** Whether to finish what is in hand and return: asked to, told by SIGTERM, or the supervisor is gone. */
    public function draining(): bool
    {
        $this->listener->turn(0.0);

        return $this->listener->isDraining();
    }

    /** Why and how fast, once draining. */
    public function drain(): ?Drain
    {
        return $this->listener->drain;
    }

    /**
     * Calls back once when the drain begins, in the next call of this worker; at once if it has begun already.
     *
     * @param callable(Drain): mixed $callback
     */
    public function onDrain(callable $callback): static
    {
        $this->listener->onDrain($callback);

        return $this;
    }

    /**
     * Sleeps, but listens: answers pings meanwhile and returns early on a drain. Returns draining().
     *
     * Without seconds it waits for the drain. While draining it returns at once.
     */
    public function wait(?float $seconds = null): bool
    {
        $left = $seconds;
        $deadline = $seconds === null ? null : \hrtime(true) / 1e9 + $seconds;
        do {
            $this->listener->turn($this->listener->isDraining() ? 0.0 : $left);
            $this->listener->check();
            $left = $deadline === null ? null : $deadline - \hrtime(true) / 1e9;
        } while (!$this->listener->isDraining() && ($left === null || $left > 0));

        return $this->draining();
    }

    /** Who this process is to the supervisor and its `config`; null without one. Waits for the first answer. */
    public function welcome(float $timeout = 5.0): ?Welcome
    {
        $deadline = \hrtime(true) / 1e9 + $timeout;
        while (!$this->listener->isAnswered()) {
            $left = $deadline - \hrtime(true) / 1e9;
            if ($left <= 0) {
                throw new LineError("the supervisor did not answer hello within $timeout s; look at its log");
            }
            $this->listener->turn($left);
        }
        $this->listener->check();
        if ($this->supervised && $this->listener->welcome === null) {
            throw new LineLost('there was no welcome: ' . ($this->listener->drain?->reason ?? 'this worker was closed'));
        }

        return $this->listener->welcome;
    }

    /** The program is up. `$credits`: how many tasks it takes at once (1 if left out). */
    public function ready(?int $credits = null): void
    {
        $this->say('ready', ['credits' => $credits]);
    }

    /** One line for people: what the program is doing. */
    public function status(string $text): void
    {
        $this->say('status', ['text' => Text::cut($text)]);
    }

    /** Tell an error without ending: a Failure as what it is, anything else as a bug. */
    public function error(\Throwable $exception): void
    {
        Ending::tell($exception, fn (array $fields) => $this->say('error', $fields));
    }

    /** Says that this process is alive, in the middle of long work. */
    public function heartbeat(?int $memory = null): void
    {
        $this->say('heartbeat', [
            'sequence' => $this->listener->sequence,
            'busy' => $this->listener->held?->handles(),
            'memory' => $memory,
        ]);
    }

    /** The last word before an exit: done, retry, restart_now or stay_down. Only log, status, heartbeat, metric and event may follow. */
    public function exiting(string $intent = 'done', ?string $reason = null): void
    {
        $this->say('exiting', ['intent' => $intent, 'reason' => $reason === null ? null : Text::cut($reason)]);
    }

    /** Replace me when what I hold is done: hearken hands out nothing more to this process. */
    public function announceDraining(string $reason): void
    {
        $this->say('draining', ['reason' => Text::cut($reason)]);
    }

    /** @internal Tasks::run() */
    public function serve(Handlers $handlers, int $credits, bool $alarm): int
    {
        if ($this->line === null) {
            return (new Alone($this, $this->listener))->run($handlers);
        }

        return (new Loop($this, $this->line, $this->listener, $credits))->run($handlers, $alarm);
    }

    /** Leaves the line for good; run() does this at the end. */
    public function close(): void
    {
        $this->termination->remove();
        $this->leave();
        self::$current = self::$current === $this ? null : self::$current;
    }

    /** @internal whether this process is a fork of the worker's */
    public function isForked(): bool
    {
        return $this->line !== null && $this->line->isForked();
    }

    /** @internal for a process that exits next */
    public function leave(): void
    {
        $this->termination->ignore(expected: $this->listener->isToldToDrain());
        $this->listener->close();
    }

    protected function say(string $name, array $fields): void
    {
        if ($this->line === null) {
            Console::show($name, Messages::compose($name, $fields)[1]);

            return;
        }
        $this->listener->turn(0.0);
        $this->listener->check();
        try {
            $this->line->send($name, $fields);
        } catch (LineLost $lost) {
            // Perhaps a reject stands on the line before its end; that says more.
            $this->listener->turn(0.0);
            $this->listener->check();
            throw $lost;
        }
    }
}
