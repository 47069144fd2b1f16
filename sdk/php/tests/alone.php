<?php

/** One task without a supervisor. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

/** @return array{int, string, string} */
function alone(string $handlers, string $input = '', array $arguments = [], array $variables = []): array
{
    return (new Child("Tasks::run($handlers);", '', $input, $arguments, $variables))->finish();
}

test('the payload is the first argument or standard input, JSON or text', function () {
    foreach ([
        [['{"n": 1}'], '', '{"n":1}'],
        [['plain text'], '', '"plain text"'],
        [[], '[1, 2.5, "ä/"]', '[1,2.5,"ä/"]'],
        [[], "two\nlines\n", '"two\nlines\n"'],
        [[], '', '""'],
        [['7'], 'not read', '7'],
    ] as [$arguments, $input, $printed]) {
        same([0, "$printed\n", ''], alone('fn (Task $t) => $t->payload', $input, $arguments), $printed);
    }
});

test('the environment says which task it is', function () {
    $handlers = '["a" => fn () => "a", "b" => fn (Task $t) => [$t->id, $t->type, $t->attempt, $t->key]]';
    $variables = ['HEARKEN_TASK_ID' => 'id-1', 'HEARKEN_TASK_ATTEMPT' => '3', 'HEARKEN_TASK_TYPE' => 'b', 'HEARKEN_TASK_KEY' => 'k'];
    same("[\"id-1\",\"b\",3,\"k\"]\n", alone($handlers, variables: $variables)[1]);
    same(['id-1', 1, 'id-1'], \json_decode(alone('fn (Task $t) => [$t->id, $t->attempt, $t->key]', variables: [
        'HEARKEN_TASK_ID' => 'id-1', 'HEARKEN_TASK_ATTEMPT' => 'many',
    ])[1]));
    same([65, ''], \array_slice(alone($handlers), 0, 2), 'no type and no default');
});

test('bytes are printed as they are', function () {
    same("\xff\0", alone('fn () => "\xff\0"')[1]);
    same('a,b', alone('fn () => new Result("a,b", "text/csv")')[1]);
});

test('what it would have said stands on standard error', function () {
    [$code, $out, $err] = alone('function (Task $t) { $t->progress(1, 2); $t->log("info", "hi"); $t->checkpoint("abc");
        $t->event("turned", ["page" => 2]); $t->metric("rows", 2); return [$t->cancelled(), $t->draining(), $t->timeLeft()]; }');
    same([0, "[null,false,null]\n"], [$code, $out]);
    same(['hearken: progress 1/2', 'hearken: info: hi', 'hearken: checkpoint 0: 3 bytes', 'hearken: event name=turned fields={"page":2}',
        'hearken: metric name=rows type=c value=2', ''], \explode("\n", \str_replace('=2.0', '=2', $err)));
});

test('an error is an exit code', function () {
    foreach (['F\RateLimited(after: 30)' => 75, 'F\Unavailable' => 69, 'F\Invalid' => 65, 'F\NotFound' => 66, 'F\Denied' => 77,
        'F\Fatal' => 65, 'F\Fatal(retryable: true)' => 65, 'F\WorkerBroken' => 71, 'LogicException("x")' => 70, 'Snooze(5, "closed")' => 75] as $thrown => $expected) {
        [$code, $out, $err] = alone("fn () => throw new $thrown");
        same([$expected, ''], [$code, $out], "$thrown: $err");
    }
    same("hearken: snooze delay_ms=5000 reason=closed\n", $err);
});

test('what the line cannot carry is refused here, too', function () {
    same([70, ''], \array_slice(alone('fn () => NAN'), 0, 2), 'JSON has no NaN');
    [$code, $out, $err] = alone('fn () => new DateTimeImmutable()');
    same([70, ''], [$code, $out]);
    isTrue(\str_contains($err, 'DateTimeImmutable has no MessagePack form'), $err);
});

test('SIGTERM cancels the task that runs alone', function () {
    if (!\function_exists('pcntl_signal')) {
        return;
    }
    $child = new Child('Tasks::run(function (Task $t) { echo "up\n"; echo $t->wait(60), "\n"; $t->check(); });', '');
    same("up\n", $child->line());
    $child->terminate();
    [$code, $out, $err] = $child->finish();
    same([75, "shutdown\n"], [$code, $out]);
    isTrue(\str_contains($err, 'error cancelled'), $err);
});

test('the example of tasks runs alone and on a line', function () {
    $code = 'require ' . \var_export(\dirname(__DIR__) . '/examples/tasks.php', true) . ';';
    $file = __FILE__;
    [$exit, $out] = (new Child($code, '', arguments: [\json_encode(['path' => $file])], variables: ['HEARKEN_TASK_TYPE' => 'hash']))->finish();
    same([0, \hash_file('sha256', $file)], [$exit, \json_decode($out, true)['sha256']]);
    $child = new Child($code);
    same(['count_words', 'hash'], \array_values($child->peer->hear()[1]['task_types']));
    $child->peer->hear();
    $child->peer->welcome();
    $child->peer->task(1, type: 'count_words', payload: ['text' => 'one two  three']);
    $child->peer->hear();
    same([RESULT, ['handle' => 1, 'data' => ['words' => 3]]], $child->peer->hear());
    $child->peer->task(2, type: 'hash', payload: ['path' => '/no/such/file']);
    $child->peer->hear();
    same('not_found', $child->peer->hear()[1]['kind']);
});
