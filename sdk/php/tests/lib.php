<?php

/** A tiny test runner: `test('a sentence', function () { same(…); });`. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

final class Failed extends \Exception
{
}

/** Registers a test, and runs those that have been registered. */
final class Tests
{
    /** @var list<array{string, \Closure}> */
    private static array $tests = [];

    public static function add(string $name, \Closure $test): void
    {
        self::$tests[] = [$name, $test];
    }

    public static function run(): int
    {
        $failed = 0;
        foreach (self::$tests as [$name, $test]) {
            try {
                $test();
            } catch (\Throwable $error) {
                $failed++;
                \fprintf(\STDERR, "FAILED: %s\n    %s\n", $name, \str_replace("\n", "\n    ", self::told($error)));
            }
        }
        \printf("%d passed, %d failed\n", \count(self::$tests) - $failed, $failed);

        return $failed === 0 ? 0 : 1;
    }

    private static function told(\Throwable $error): string
    {
        $told = $error::class . ': ' . \trim($error->getMessage());
        foreach ([['file' => $error->getFile(), 'line' => $error->getLine()], ...$error->getTrace()] as $call) {
            if (isset($call['file']) && $call['file'] !== __FILE__) {
                $told .= "\nat " . \basename($call['file']) . ':' . $call['line'];
            }
        }

        return $told;
    }
}

function test(string $name, \Closure $test): void
{
    Tests::add($name, $test);
}

function same(mixed $expected, mixed $actual, string $about = ''): void
{
    if ($expected !== $actual) {
        throw new Failed("$about\nexpected " . \var_export($expected, true) . "\nbut got  " . \var_export($actual, true));
    }
}

function isTrue(bool $claim, string $about): void
{
    same(true, $claim, $about);
}

/** @param class-string<\Throwable> $class */
function throws(string $class, string $part, \Closure $call, string $about = ''): void
{
    try {
        $call();
    } catch (\Throwable $thrown) {
        if ($thrown instanceof $class && \str_contains($thrown->getMessage(), $part)) {
            return;
        }
        throw new Failed("$about: not $class with \"$part\" but " . $thrown::class . ': ' . $thrown->getMessage(), 0, $thrown);
    }
    throw new Failed("$about: nothing was thrown; expected $class");
}
