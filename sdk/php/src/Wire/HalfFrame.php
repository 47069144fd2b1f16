<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

/** A frame that has begun, and the time it has to become whole. All times are seconds of the monotonic clock. */
final class HalfFrame
{
    /** From the first byte to the last. */
    public const COMPLETION = 5.0;
    /** Who notices so much later that the time is over did not look: the rest of the frame may lie unread. */
    private const LATE = 1.0;

    private ?float $since = null;

    public function __construct(private readonly float $completion = self::COMPLETION)
    {
    }

    /** Notes what a read has left: part of a frame or nothing. It is another frame than before if one was whole. */
    public function note(bool $isHalf, bool $wasWhole, float $now): void
    {
        $this->since = match (true) {
            !$isHalf => null,
            $wasWhole => $now,
            default => $this->since ?? $now,
        };
    }

    /** How long the rest may still take; null if no frame is half there. */
    public function timeLeft(float $now): ?float
    {
        return $this->since === null ? null : \max(0.0, $this->since + $this->completion - $now);
    }

    /** Whether the time for the rest is over. Where that is noticed late, the time begins anew. */
    public function isOver(float $now): bool
    {
        if ($this->since === null || $now < $this->since + $this->completion) {
            return false;
        }
        if ($now > $this->since + $this->completion + self::LATE) {
            $this->since = $now;

            return false;
        }

        return true;
    }
}
