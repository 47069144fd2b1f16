<?php

declare(strict_types=1);

namespace Hearken\Worker\Task;

use Hearken\Worker\Error\ForkedWorker;
use Hearken\Worker\Error\LineLost;
use Hearken\Worker\Error\ProtocolError;
use Hearken\Worker\Error\Rejected;
use Hearken\Worker\Failure\Failure;
use Hearken\Worker\Line;
use Hearken\Worker\Listener;
use Hearken\Worker\Snooze;
use Hearken\Worker\Task;
use Hearken\Worker\Worker;

/**
 * Takes tasks from the line and answers them, one after another, until it is drained.
 *
 * While it serves, an answer is held back until the next task is accepted, and both go out in one write. Draining, it
 * finishes what it holds and waits for the acks, until the grace is over.
 */
final class Loop
{
    /** Seconds to wait for the last acks where the drain names no grace: that of a stop in hearken's own defaults. */
    private const ACK_PATIENCE = 10.0;

    private readonly Held $held;
    private ?string $broken = null;
    private bool $announced = false;
    private ?float $deadline = null;

    public function __construct(
        private readonly Worker $worker,
        private readonly Line $line,
        private readonly Listener $listener,
        private readonly int $credits,
    ) {
        $this->held = new Held($credits);
    }

    /** @return int the exit code */
    public function run(Handlers $handlers, bool $alarm): int
    {
        $this->listener->held = $this->held;
        $pulse = $alarm ? new Alarm($this->worker, $this->listener) : null;
        $this->worker->ready($this->credits);
        while ($this->goesOn()) {
            $fields = $this->held->next();
            if ($fields === null) {
                $this->line->flush();
                $this->listener->turn($this->deadline === null ? null : $this->deadline - self::now());
            } else {
                $this->held->answered($this->answer($fields, $handlers));
                $this->listener->glance();
            }
            $this->listener->check();
            $pulse?->plan();
        }
        $pulse?->stop();
        $asked = $this->broken === null || $this->listener->isToldToDrain();
        $this->worker->exiting($asked ? 'done' : 'restart_now', $this->broken);

        return 0;
    }

    /** Whether there is anything left to do or to wait for. */
    private function goesOn(): bool
    {
        if ($this->listener->isLost()) {
            // An answer that cannot go out any more knows best why: this may be only a fork.
            $this->line->flush();
            throw new LineLost($this->listener->drain?->reason ?? 'the supervisor is gone');
        }
        if ($this->broken === null && $this->listener->drain === null) {
            return true;
        }
        $this->announce();
        $grace = $this->listener->drain?->grace;
        if ($grace !== null) {
            $this->deadline = $this->listener->drainedAt + $grace;
        } elseif (!$this->held->isAnyWaiting()) {
            $this->deadline ??= self::now() + self::ACK_PATIENCE;
        }
        $inTime = $this->deadline === null || self::now() < $this->deadline;

        return $inTime && ($this->held->isAnyWaiting() || $this->held->isAnyUnacked());
    }

    /** Where the supervisor did not ask for the drain, it has to know that there is one. */
    private function announce(): void
    {
        if (!$this->announced && !$this->listener->isToldToDrain()) {
            $this->worker->announceDraining($this->broken ?? $this->listener->drain->reason);
        }
        $this->announced = true;
    }

    /**
     * @param array<string, mixed> $fields
     * @return int the kind of the message that ended the task
     */
    private function answer(array $fields, Handlers $handlers): int
    {
        $voice = new Voice($this->line, $this->listener, $fields['handle']);
        $answer = new Answer($voice);
        if ($this->broken !== null) {
            return $answer->snooze(new Snooze(0, "this worker takes no more tasks: $this->broken"));
        }
        $cancel = $voice->cancel();
        if ($cancel !== null) {
            return $answer->error(Task::cancellation($cancel->reason));
        }
        try {
            $handler = $handlers->of($fields['type'] ?? null);
            $voice->hold('accepted');
            // Out before the work begins: it starts the clocks.
            $this->line->flush();
            $this->worker->answer = $answer;
            $kind = $answer->result($handler(new Task($fields, $voice, $this->worker)));
        } catch (Snooze $snooze) {
            $kind = $answer->snooze($snooze);
        } catch (LineLost | ForkedWorker | Rejected | ProtocolError $over) {
            $this->worker->answer = null;
            throw $over;
        } catch (\Throwable $exception) {
            $kind = $answer->error($exception);
            if ($exception instanceof Failure && $exception->scope === 'worker') {
                $this->broken = $exception->getMessage();
            }
        }
        $this->worker->answer = null;

        return $kind;
    }

    private static function now(): float
    {
        return \hrtime(true) / 1e9;
    }
}
