<?php

declare(strict_types=1);

namespace Hearken\Worker\Task;

use Hearken\Worker\Console;
use Hearken\Worker\Line;
use Hearken\Worker\Listener;
use Hearken\Worker\Wire\Frame;
use Hearken\Worker\Wire\Messages;

/** Says messages about one task, and hears what has come meanwhile; without a supervisor, to people. */
final class Voice
{
    public function __construct(
        private readonly ?Line $line,
        private readonly Listener $listener,
        private readonly int $handle,
    ) {
    }

    /** @param array<string, mixed> $fields */
    public function say(string $name, array $fields): void
    {
        $this->hear();
        $this->hold($name, $fields);
        $this->send();
    }

    /** Sends what is held. */
    public function send(): void
    {
        $this->line?->flush();
    }

    /**
     * Says it together with what comes next.
     *
     * @param array<string, mixed> $fields
     */
    public function hold(string $name, array $fields = []): void
    {
        // A metric is the worker's; the protocol has no handle for it.
        $fields = $name === 'metric' ? $fields : ['handle' => $this->handle] + $fields;
        if ($this->line !== null) {
            $this->line->hold($name, $fields);

            return;
        }
        [, $checked] = Messages::compose($name, $fields);
        unset($checked['handle']);
        Console::show($name, $checked);
    }

    /** Looks for news, without waiting; throws if the line cannot be trusted any more. */
    public function hear(): void
    {
        $this->listener->glance();
        $this->listener->check();
    }

    /** Waits for news, so many seconds at most. */
    public function wait(float $seconds): void
    {
        $this->listener->turn($seconds);
        $this->listener->check();
    }

    public function isDraining(): bool
    {
        return $this->listener->isDraining();
    }

    /** Why the task should end early, if it should. */
    public function cancel(): ?Cancel
    {
        return match (true) {
            // Without a line SIGTERM is the only word there is, and this task is all there is to stop.
            $this->line === null => $this->listener->isDraining() ? new Cancel('shutdown', null) : null,
            // A supervisor that is gone cannot take the answer any more.
            $this->listener->isLost() => new Cancel('lease_lost', 0),
            default => $this->listener->held?->cancelOf($this->handle),
        };
    }

    /** How many bytes the body of a frame may have. */
    public function maxFrame(): int
    {
        return $this->line?->maxFrame() ?? Frame::MAX_CEILING;
    }
}
