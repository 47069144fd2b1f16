<?php

/** Real processes: how run() ends, signals, forks and grandchildren, and a missing or broken line. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

/** @return array{int, list<array{int, array<string, mixed>}>, string} exit code, what was said after hello, standard error */
function ended(string $body, ?string $fd = null): array
{
    $child = Child::main($body, $fd);
    // To the end first: a child that waits in a write would never exit.
    $heard = $fd === null ? $child->peer->hearAll() : [];
    [$code, , $err] = $child->finish();

    return [$code, \array_slice($heard, 1), $err];
}

test('a return is done and exit 0', function () {
    same([0, [[READY, []], [EXITING, ['intent' => 'done']]], ''], ended('$worker->ready();'));
});

test('every failure is an error and its exit code', function () {
    foreach ([
        'RateLimited(after: 30)' => ['rate_limited', 75],
        'Transient' => ['transient', 75],
        'Retryable' => ['transient', 75],
        'Timeout' => ['timeout', 75],
        'Unavailable(dependency: "db")' => ['unavailable', 69],
        'Conflict' => ['conflict', 75],
        'Resource' => ['resource', 71],
        'Invalid' => ['invalid', 65],
        'NotFound' => ['not_found', 66],
        'Denied' => ['denied', 77],
        'Fatal("no such table")' => ['config', 78],
        'Bug' => ['bug', 70],
        'Cancelled' => ['cancelled', 75],
    ] as $thrown => [$kind, $expected]) {
        [$code, $heard, $err] = ended("throw new F\\$thrown;");
        same([$expected, '', 1], [$code, $err, \count($heard)], $thrown);
        same([ERROR, $kind], [$heard[0][0], $heard[0][1]['kind']]);
    }
});

test('any other exception is a bug with its trace', function () {
    [$code, $heard, $err] = ended('intdiv(1, 0);');
    same([70, '', 'bug', 'DivisionByZeroError'], [$code, $err, $heard[0][1]['kind'], $heard[0][1]['code']]);
    isTrue(\str_contains($heard[0][1]['trace'], 'intdiv'), $heard[0][1]['trace']);
});

test('a subclass of the program names itself', function () {
    $child = new Child('class NoStock extends F\Conflict {} Worker::run(fn () => throw new NoStock("none left"));');
    same(['NoStock', 'none left'], \array_values(\array_slice($child->peer->hearAll()[1][1], 1, 2)));
    same(75, $child->finish()[0]);
});

test('running out of memory is told, though PHP ends at once', function () {
    [$code, $heard, $err] = ended('ini_set("display_errors", "0"); ini_set("memory_limit", "8M"); str_repeat("x", 1 << 24);');
    same([71, 'resource', 'php.memory_limit'], [$code, $heard[0][1]['kind'] ?? $err, $heard[0][1]['code']]);
});

test('an intent of main is the last word', function () {
    $exiting = [EXITING, ['intent' => 'stay_down', 'reason' => 'no licence']];
    same([0, [$exiting], ''], ended('$worker->exiting("stay_down", "no licence");'));
});

test('exit keeps its code and is not told', function () {
    same([3, [], ''], ended('exit(3);'));
});

test('without a supervisor the exit codes are the same', function () {
    [$code, , $err] = ended('$worker->ready(); $worker->progress(3, 9, "files", message: "two\nlines");
        $worker->log("warn", "disk", ["left" => "1 GiB"]); throw new F\RateLimited("slow down", after: 30);', '');
    same([75, [
        'hearken: ready',
        'hearken: progress 3/9 files two lines',
        'hearken: warn: disk left=1 GiB',
        'hearken: error rate_limited (rate_limited): slow down retry_after_ms=30000',
        '',
    ]], [$code, \explode("\n", $err)]);
    same([0, [], "hearken: exiting intent=done\n"], ended('exit($worker->supervised ? 1 : $worker->exiting() ?? 0);', ''));
});

test('a reject is one line and a stop for good', function () {
    $child = Child::main('$worker->wait();');
    $child->peer->hear();
    $child->peer->say(REJECT, code: 'unsupported_protocol', message: 'speaks 2 to 3');
    [$code, , $err] = $child->finish();
    same([78, 1], [$code, \substr_count($err, "\n")]);
    isTrue(\str_contains($err, 'speaks 2 to 3'), $err);
});

test('a dead supervisor is one line and no trace', function () {
    $child = Child::main('$worker->wait(); $worker->status("still here");');
    $child->peer->hear();
    $child->peer->close();
    [$code, , $err] = $child->finish();
    same([75, 1], [$code, \substr_count($err, "\n")], $err);
    isTrue(\str_contains($err, 'gone'), $err);
});

test('work that was finished without a supervisor is finished', function () {
    $child = Child::main('$worker->wait();');
    $child->peer->hear();
    $child->peer->close();
    same([0, '', ''], $child->finish());
});

test('a supervisor that does not read holds the child up, and loses nothing', function () {
    $child = Child::main('$text = str_repeat("x", 8000); for ($i = 0; $i < 200; $i++) $worker->status($text); echo "all\n";');
    $heard = $child->peer->hearAll();
    same([202, 'all' . "\n"], [\count($heard), $child->finish()[1]]);
    same(\str_repeat('x', 8000), $heard[200][1]['text']);
});

test('SIGTERM ends a wait, with a supervisor and without', function () {
    foreach ([null, ''] as $fd) {
        $child = Child::main('echo "up\n"; $worker->wait(); echo $worker->drain()->reason;', $fd);
        same("up\n", $child->line());
        $child->terminate();
        same([0, 'SIGTERM'], \array_slice($child->finish(), 0, 2), "HEARKEN_FD $fd");
    }
});

test('drain and SIGTERM are one drain, and the frame says more', function () {
    $child = Child::main('$worker->onDrain(fn (Drain $d) => print($d->reason . $d->grace)); echo "up\n"; $worker->wait();');
    same("up\n", $child->line());
    $child->peer->say(DRAIN, grace_ms: 1500, reason: 'deploy');
    $child->terminate();
    same([0, 'deploy1.5', ''], $child->finish());
});

test('SIGTERM ends a busy loop', function () {
    $child = Child::main('echo "up\n"; while (!$worker->draining());');
    same("up\n", $child->line());
    $child->terminate();
    same(0, $child->finish()[0]);
});

test('a handler of the program stays', function () {
    $child = new Child('pcntl_async_signals(true); pcntl_signal(SIGTERM, fn () => exit(9));'
        . 'Worker::run(function (Worker $worker) { echo "up\n"; $worker->wait(); });');
    same("up\n", $child->line());
    $child->terminate();
    same(9, $child->finish()[0]);
});

test('a handler that comes later stays, too', function () {
    $child = Child::main('pcntl_signal(SIGTERM, fn () => exit(9)); echo "up\n"; $worker->wait();', '');
    same("up\n", $child->line());
    $child->terminate();
    same(9, $child->finish()[0]);
});

test('a grandchild does not find the line', function () {
    $child = Child::main('$_SERVER["X"] = 1; system("echo fd=$HEARKEN_FD"); echo isset($_SERVER["HEARKEN_FD"]) ? "set" : "unset";');
    same("fd=\nunset", $child->finish()[1]);
});

test('a grandchild does not hold the line, where ext-ffi is loaded', function () {
    if (!\class_exists(\FFI::class, false)) {
        return;
    }
    // It outlives the child, which exits without run() shutting the line; the line ends all the same.
    $child = Child::main('$worker->status(shell_exec("sleep 60 >/dev/null 2>&1 & echo $!")); exit(0);');
    $child->peer->hear();
    $grandchild = (int) $child->peer->hear()[1]['text'];
    try {
        same([], $child->peer->hearAll());
    } finally {
        \posix_kill($grandchild, \SIGKILL);
    }
});

test('a fork may not speak', function () {
    $child = Child::main('$pid = pcntl_fork();
        if ($pid === 0) { try { $worker->status("I am not he"); } catch (E\ForkedWorker) { echo "refused\n"; } return; }
        pcntl_waitpid($pid, $status); echo pcntl_wexitstatus($status); $worker->status("I am");');
    same([[STATUS, ['text' => 'I am']], [EXITING, ['intent' => 'done']]], \array_slice($child->peer->hearAll(), 1));
    same([0, "refused\n0", ''], $child->finish());
});

test('a process has one worker', function () {
    same("one", Child::main('echo Worker::connect() === $worker ? "one" : "two";')->finish()[1]);
});

test('a broken line says what, why and the next step', function () {
    foreach ([
        'three' => 'not the number',
        '-1' => 'not the number',
        '1023' => 'not open',
        '99999999999999999999' => 'not the number',
        '0' => 'not a socket',
    ] as $fd => $why) {
        [$code, , $err] = ended('', (string) $fd);
        same([78, 1], [$code, \substr_count($err, "\n")], $err);
        foreach (["HEARKEN_FD='$fd'", $why, 'unset it to run without a supervisor'] as $part) {
            isTrue(\str_contains($err, $part), "$part in $err");
        }
    }
});

test('a warning handler of the program does not see our warnings', function () {
    $child = new Child('set_error_handler(fn ($level, $message) => throw new ErrorException($message));'
        . 'Worker::run(function (Worker $worker) { echo "up\n"; $worker->wait(); $worker->status("x"); });');
    same("up\n", $child->line());
    $child->peer->close();
    [$code, , $err] = $child->finish();
    same([75, 1], [$code, \substr_count($err, "\n")], $err);
});

test('the example runs from anywhere without composer', function () {
    $path = \dirname(__DIR__) . '/examples/worker.php';
    $child = new Child('chdir("/"); putenv("HEARKEN_FD"); require ' . \var_export($path, true) . ';', '');
    $child->awaitError("hearken: ready\n");
    $child->terminate();
    [$code, , $err] = $child->finish();
    same(0, $code);
    isTrue(\str_contains($err, 'exiting intent=done'), $err);
});

test('the README shows a worker of tasks that runs', function () {
    \preg_match_all('/```php\n(.*?)```/s', \file_get_contents(\dirname(__DIR__) . '/README.md'), $shown);
    $uses = 'use Hearken\Worker\Failure\RateLimited;';
    $child = new Child($uses . \preg_replace('/^use .*$/m', '', $shown[1][2]));
    same(['greet', 'mail'], $child->peer->hear()[1]['task_types']);
    same([READY, ['credits' => 4]], $child->peer->hear());
    $child->peer->welcome();
    $child->peer->task(1, type: 'greet', payload: ['name' => 'you']);
    $child->peer->task(2, type: 'mail', payload: []);
    $heard = \array_map(fn () => $child->peer->hear(), \range(1, 4));
    same('hello you', $heard[1][1]['data']);
    same(['rate_limited', 30_000], [$heard[3][1]['kind'], $heard[3][1]['retry_after_ms']]);
});

test('the README shows a program that runs', function () {
    \preg_match('/```php\n(.*?)```/s', \file_get_contents(\dirname(__DIR__) . '/README.md'), $shown);
    $child = new Child(\preg_replace('/^use .*$/m', '', $shown[1]));
    $child->peer->hear();
    same([READY, []], $child->peer->hear());
    $child->peer->say(DRAIN, grace_ms: 1, reason: 'x');
    same([[EXITING, ['intent' => 'done']]], $child->peer->hearAll());
});
