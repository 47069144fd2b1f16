<?php

declare(strict_types=1);

namespace Hearken\Worker;

/** Who this process is to the supervisor. */
final class Welcome
{
    /** @param array<string, mixed> $config */
    public function __construct(
        public readonly string $unit,
        public readonly int $instance,
        public readonly int $incarnation,
        public readonly int $maxFrame,
        public readonly ?int $heartbeatMs = null,
        public readonly array $config = [],
    ) {
    }
}
