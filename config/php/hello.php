<?php // Says hello, works for two seconds, and tells what came out.

require __DIR__ . '/../../sdk/php/autoload.php';

use Hearken\Worker\Worker;

Worker::run(function (Worker $worker): void {
    $worker->log('info', 'hello from a child', ['pid' => getmypid()]);
    $worker->ready();

    $sum = 0;
    for ($step = 1; $step <= 10; $step++) {
        $sum += $step;
        $worker->progress($step, 10, 'steps');
        if ($worker->wait(0.2)) {
            return; // somebody wants us to end
        }
    }

    $worker->log('info', 'the work is done', ['sum' => $sum, 'memory' => memory_get_peak_usage()]);
});
