<?php // A process per task, the way PHP does it without a pool: fork.php TASKS WORKERS

declare(strict_types=1);

[, $tasks, $workers] = array_map(intval(...), $argv);
$begun = hrtime(true);
for ($running = $started = 0; $started < $tasks || $running > 0;) {
    if ($started < $tasks && $running < $workers) {
        $pid = pcntl_fork();
        if ($pid === 0) {
            exit(0);
        }
        $pid > 0 || exit(1);
        $started++;
        $running++;
        continue;
    }
    pcntl_wait($status);
    $status === 0 || exit(1);
    $running--;
}
echo json_encode(['count' => $tasks, 'seconds' => (hrtime(true) - $begun) / 1e9]), "\n";
