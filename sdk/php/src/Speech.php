<?php

declare(strict_types=1);

namespace Hearken\Worker;

/** What a program says, each message a method. The worker speaks for the process, a task for itself. */
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

    /**
     * A number for a graph. Counters add up, gauges replace what was there, histograms collect.
     *
     * @param string $type c (counter), g (gauge) or h (histogram)
     * @param array<string, string> $labels
     */
    public function metric(string $name, float $value, string $type = 'c', array $labels = []): void
    {
        $labels = $labels === [] ? null : (object) $labels;
        $this->say('metric', ['name' => $name, 'type' => $type, 'value' => $value, 'labels' => $labels]);
    }

    /**
     * Something that happened, for machines: a name in the past tense and its fields.
     *
     * @param array<string, mixed> $fields
     */
    public function event(string $name, array $fields = []): void
    {
        $this->say('event', ['name' => $name, 'fields' => (object) Text::plain($fields)]);
    }
}
