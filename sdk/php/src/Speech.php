<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Error\FrameTooLarge;

/** What a program says, each message a method. The worker speaks for the process; a task will speak for itself. */
trait Speech
{
    /** @param array<string, mixed> $fields null: left out */
    abstract protected function say(string $name, array $fields): void;

    /** How far the work is. */
    public function progress(
        ?int $done = null,
        ?int $total = null,
        ?string $unit = null,
        ?string $stage = null,
        ?string $message = null,
    ): void {
        $this->say('progress', [
            'done' => $done,
            'total' => $total,
            'unit' => $unit,
            'stage' => $stage,
            'message' => $message === null ? null : Text::cut($message),
        ]);
    }

    /**
     * A structured log line.
     *
     * @param int|string $level trace, debug, info, warn, error, fatal, or 0 to 5; the names of PSR-3 are understood
     * @param array<string, mixed> $fields
     */
    public function log(int|string $level, string $message, array $fields = [], ?string $target = null): void
    {
        $plain = Text::plain($fields);
        $this->say('log', [
            'level' => match ($level) {
                'warning' => 3,
                'notice' => 2,
                'critical', 'alert', 'emergency' => 5,
                default => \is_int($level) ? $level : \array_search($level, Console::LEVELS, true),
            },
            'message' => Text::cut($message),
            'target' => $target,
            // A list is a map with numbers for names.
            'fields' => $plain === [] ? null : (object) $plain,
            'time' => (int) (\microtime(true) * 1_000_000),
        ]);
    }

    /** Tell an error without ending: a Failure as what it is, anything else as a bug. */
    public function error(\Throwable $exception): void
    {
        $fields = Ending::describe($exception);
        try {
            $this->say('error', $fields);
        } catch (FrameTooLarge $large) {
            // The details were too much; the error itself must not be lost.
            $this->say('error', ['details' => ['dropped' => $large->getMessage()], 'causes' => null] + $fields);
        }
    }
}
