<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

/** Checks of single fields: strict, but lenient where languages differ in how they write the same value. */
final class Field
{
    public const ERROR_KINDS = [
        'transient', 'timeout', 'rate_limited', 'unavailable', 'conflict', 'resource', 'invalid', 'not_found',
        'denied', 'config', 'bug', 'cancelled',
    ];

    /**
     * The value as a PHP program wants it.
     *
     * @throws \UnexpectedValueException saying what it is not
     */
    public static function read(string $type, mixed $value): mixed
    {
        return match ($type) {
            'text' => self::text($value),
            'u16' => self::integer($value, 0, 0xffff),
            'u32' => self::integer($value, 0, 0xffffffff),
            'u64' => self::long($value),
            'i64' => self::integer($value, \PHP_INT_MIN, \PHP_INT_MAX),
            'level' => self::integer($value, 0, 5),
            'bool' => \is_bool($value) ? $value : throw self::not('true or false', $value),
            'number' => self::number($value),
            'any' => $value,
            'bytes' => self::bytes($value, \PHP_INT_MAX),
            'bytes 65536', 'bytes 262144' => self::bytes($value, (int) \substr($type, 6)),
            // A map whose keys are 0, 1, 2 cannot be told from a list once it is an array.
            'map' => match (true) {
                \is_array($value) => $value,
                $value instanceof \stdClass => (array) $value,
                default => throw self::not('a map', $value),
            },
            'texts' => \array_map(self::text(...), self::read('map', $value)),
            'text list' => \array_map(self::text(...), self::list($value)),
            'u32 list' => \array_map(static fn (mixed $item): int => self::read('u32', $item), self::list($value)),
            'range' => self::range($value),
            'causes' => self::causes($value),
            'error kind' => self::oneOf($value, self::ERROR_KINDS),
            'scope' => self::oneOf($value, ['task', 'worker', 'dependency', 'service']),
            'intent' => self::oneOf($value, ['done', 'retry', 'restart_now', 'stay_down']),
            'metric type' => self::oneOf($value, ['c', 'g', 'h']),
            'cancel reason' => self::oneOf($value, ['timeout', 'operator', 'batch', 'lease_lost', 'shutdown']),
            'acked' => self::oneOf(self::integer($value, 0, 255), [7, 8, 10, 11]),
        };
    }

    /** The value as Encoder wants it: maps stay maps when empty, bytes become `bin`. */
    public static function write(string $type, mixed $value): mixed
    {
        $read = self::read($type, $value);

        return match ($type) {
            // A list is a mistake, unless it was called an object: `(object) ['a', 'b']`.
            'map', 'texts' => \is_array($value) && \array_is_list($read) && $read !== []
                ? throw self::not('a map with text keys', $value)
                : (object) $read,
            'bytes', 'bytes 65536', 'bytes 262144' => new Bytes($read),
            default => $read,
        };
    }

    private static function text(mixed $value): string
    {
        return \is_string($value) && \preg_match('//u', $value) === 1 ? $value : throw self::not('text', $value);
    }

    private static function integer(mixed $value, int $least, int $most): int
    {
        // How JavaScript writes integers above 2^32, and PHP wherever a division was involved.
        if (\is_float($value) && $value === \floor($value) && \abs($value) < 2 ** 63) {
            $value = (int) $value;
        }

        return \is_int($value) && $value >= $least && $value <= $most
            ? $value
            : throw self::not("an integer from $least to $most", $value);
    }

    private static function long(mixed $value): int|Unsigned
    {
        if (\is_float($value) && $value >= 2 ** 63 && $value < 2 ** 64) {
            $value = \sprintf('%.0F', $value);
        }
        $long = \is_string($value) ? Unsigned::fromDecimal($value) : $value;

        return $long instanceof Unsigned ? $long : self::integer($value, 0, \PHP_INT_MAX);
    }

    private static function number(mixed $value): float
    {
        return (\is_float($value) || \is_int($value)) && \is_finite((float) $value)
            ? (float) $value
            : throw self::not('a finite number', $value);
    }

    private static function bytes(mixed $value, int $most): string
    {
        $bytes = $value instanceof Bytes ? $value->value : $value;

        return \is_string($bytes) && \strlen($bytes) <= $most
            ? $bytes
            : throw self::not($most === \PHP_INT_MAX ? 'bytes' : "at most $most bytes", $value);
    }

    /** @return list<mixed> */
    private static function list(mixed $value): array
    {
        return \is_array($value) && \array_is_list($value) ? $value : throw self::not('a list', $value);
    }

    /** @return array{int, int} */
    private static function range(mixed $value): array
    {
        $range = \array_map(static fn (mixed $item): int => self::read('u16', $item), self::list($value));

        return \count($range) === 2 && $range[0] <= $range[1] ? $range : throw self::not('a range', $value);
    }

    /** @return list<array<string, string>> */
    private static function causes(mixed $value): array
    {
        $causes = \array_map(static fn (mixed $item): array => self::read('texts', $item), self::list($value));
        foreach ($causes as $cause) {
            isset($cause['message']) ?: throw self::not('a list of causes with messages', $value);
        }

        return \count($causes) <= 8 ? $causes : throw self::not('a list of at most 8', $value);
    }

    /** @param list<int|string> $known */
    private static function oneOf(mixed $value, array $known): int|string
    {
        return \in_array($value, $known, true) ? $value : throw self::not('one of ' . \implode(', ', $known), $value);
    }

    private static function not(string $wanted, mixed $value): \UnexpectedValueException
    {
        $shown = \is_scalar($value) ? \var_export($value, true) : \get_debug_type($value);

        return new \UnexpectedValueException(\substr($shown, 0, 64) . " is not $wanted");
    }
}
