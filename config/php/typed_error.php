<?php // Fails, and says how: the class decides what follows, the code is for rules, the details for people.

require __DIR__ . '/../../sdk/php/autoload.php';

use Hearken\Worker\Failure\Unavailable;
use Hearken\Worker\Worker;

Worker::run(function (Worker $worker): void {
    $worker->ready();

    throw new Unavailable(
        'the database does not answer',
        after: 30.0,
        code: 'db.connect',
        dependency: 'postgres',
        details: ['host' => 'db1', 'tried' => 3],
    );
});
