<?php // A worker that does nothing for a task. Its argument: how many tasks it takes at once.

declare(strict_types=1);

require __DIR__ . '/../../sdk/php/autoload.php';

Hearken\Worker\Tasks::run(static fn () => null, credits: (int) $argv[1]);
