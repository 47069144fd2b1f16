<?php // Has a mistake that nobody caught: told as an error of kind `bug`, with its trace.

require __DIR__ . '/../../sdk/php/autoload.php';

use Hearken\Worker\Worker;

Worker::run(function (Worker $worker): void {
    $worker->ready();
    $orders = [];
    echo intdiv(100, count($orders)), "\n";
});
