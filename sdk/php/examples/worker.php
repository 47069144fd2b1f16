<?php // Counts to a hundred, says so, and stops when told to.

require __DIR__ . '/../autoload.php';

Hearken\Worker\Worker::run(function (Hearken\Worker\Worker $worker) {
    $worker->ready();
    for ($done = 0; $done <= 100 && !$worker->wait(0.1); $done++) {
        $worker->progress($done, 100, 'steps');
    }
});
