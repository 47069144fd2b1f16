<?php

declare(strict_types=1);

namespace Hearken\Worker\Tests;

use Hearken\Worker\Ending;
use Hearken\Worker\Failure;
use Hearken\Worker\Text;
use Hearken\Worker\Wire\Field;

final class Deadlock extends Failure\Transient
{
    protected $code = 'db.deadlock';
}

final class Clumsy extends Failure\Transient
{
    public function __construct(public string $where)
    {
        $this->message = $where;
    }
}

test('text within the limit stays', function () {
    same(\str_repeat('ä', 4096), Text::cut(\str_repeat('ä', 4096)));
});

test('a cut keeps characters whole and counts its mark', function () {
    same('ääää…[cut]', Text::cut(\str_repeat('ä', 16), 16));
    same('ääää…[cut]', Text::cut(\str_repeat('ä', 16), 17));
    $once = Text::cut(\str_repeat('x', 99), 50);
    same($once, Text::cut($once, 50));
    same(8190, \strlen(Text::cut('a' . \str_repeat('€', 9999))));
});

test('bytes that are not UTF-8 do not stop a message', function () {
    same("a\u{fffd}b", Text::cut("a\xffb"));
    $mended = Text::cut(\str_repeat("\xff", 9000));
    isTrue(\strlen($mended) <= 8192 && \str_ends_with($mended, Text::MARK), 'mending makes it longer, cutting shorter');
});

test('what cannot be sent becomes text', function () {
    $value = [
        'when' => new \DateTimeImmutable('2026-01-02T03:04:05Z'),
        'nan' => \NAN,
        'kind' => new class {
            public function __toString(): string
            {
                return 'its text';
            }
        },
        'error' => new \LogicException('why'),
        'call' => fn () => 1,
        'bytes' => "a\xff",
        'list' => [1, [2.5, null]],
    ];
    same([
        'when' => '2026-01-02T03:04:05.000+00:00',
        'nan' => 'NAN',
        'kind' => 'its text',
        'error' => 'LogicException: why',
        'call' => 'Closure',
        'bytes' => "a\u{fffd}",
        'list' => [1, [2.5, null]],
    ], Text::plain($value));
});

test('a value that holds itself ends', function () {
    $endless = [];
    $endless['again'] = &$endless;
    isTrue(\str_contains(\json_encode(Text::plain($endless)), '"array"'), 'cut off at some depth');
});

test('a failure says what it is', function () {
    same([
        'kind' => 'rate_limited',
        'code' => 'rate_limited',
        'message' => 'rate limited',
        'retry_after_ms' => 30_000,
    ], \array_filter(Ending::describe(new Failure\RateLimited(after: 30)), fn ($value) => $value !== null));
    $said = Ending::describe(new Failure\NotFound('no such user', code: 'user.gone', scope: 'task', details: ['id' => 7]));
    same(['user.gone', 'task', ['id' => 7]], [$said['code'], $said['scope'], $said['details']]);
});

test('a subclass names itself', function () {
    // This one stands in the namespace of the package, as the tests do; a program's would say its class name.
    same('db.deadlock', Ending::describe(new Deadlock())['code']);
    same('here', Ending::describe(new Clumsy('here'))['message']);
    $own = new class ('x') extends Failure\Transient {
    };
    same('Hearken.Worker.Failure.Transient@anonymous', Text::className($own));
});

test('an absurd delay is brought into range', function () {
    foreach ([[-1, 0], [\NAN, 0], [\INF, 3_153_600_000_000], [0.25, 250]] as [$after, $ms]) {
        same($ms, Ending::describe(new Failure\Transient(after: $after))['retry_after_ms']);
    }
});

test('any other exception is a bug with trace and causes', function () {
    $said = Ending::describe(new \RuntimeException(\str_repeat('x', 40_000), 0, new \LogicException('inner')));
    same(['bug', 'RuntimeException', 8192], [$said['kind'], $said['code'], \strlen($said['message'])]);
    same([['code' => 'LogicException', 'message' => 'inner']], $said['causes']);
    isTrue(\str_contains($said['trace'], 'text.php'), 'a trace');
    $deep = fn (int $n, callable $deep) => $n === 0 ? throw new \LogicException() : $deep($n - 1, $deep);
    try {
        $deep(2000, $deep);
    } catch (\LogicException $error) {
        $trace = Ending::describe($error)['trace'];
        isTrue(\strlen($trace) <= 32 * 1024 && \str_ends_with($trace, Text::MARK), 'a long trace is cut');
    }
});

test('every kind has its class and exit code', function () {
    $codes = [];
    foreach (\glob(\dirname(__DIR__) . '/src/Failure/*.php') as $path) {
        $class = 'Hearken\Worker\Failure\\' . \basename($path, '.php');
        (new \ReflectionClass($class))->isAbstract() || $codes[$class::KIND] = $class::EXIT_CODE;
    }
    \ksort($codes);
    same([
        'bug' => 70, 'cancelled' => 75, 'config' => 78, 'conflict' => 75, 'denied' => 77, 'invalid' => 65,
        'not_found' => 66, 'rate_limited' => 75, 'resource' => 71, 'timeout' => 75, 'transient' => 75,
        'unavailable' => 69,
    ], $codes);
    same([], \array_diff(Field::ERROR_KINDS, \array_keys($codes)));
});
