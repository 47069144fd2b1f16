<?php

/** `php tests/run.php`, and `php -n tests/run.php` without the extensions of the ini. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

\error_reporting(\E_ALL);
// As strict as the strictest program: a warning this package lets through is an exception.
\set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
    if ((\error_reporting() & $level) === 0) {
        return false;
    }
    throw new \ErrorException($message, 0, $level, $file, $line);
});

require __DIR__ . '/../autoload.php';
require __DIR__ . '/lib.php';
require __DIR__ . '/peer.php';
foreach (['wire', 'vectors', 'text', 'worker', 'process', 'handlers', 'tasks', 'answers', 'endings', 'alone'] as $file) {
    if (\is_file(__DIR__ . "/$file.php")) {
        require __DIR__ . "/$file.php";
    }
}
\printf("PHP %s, ext-msgpack %s: ", \PHP_VERSION, \extension_loaded('msgpack') ? 'loaded' : 'not loaded');
exit(Tests::run());
