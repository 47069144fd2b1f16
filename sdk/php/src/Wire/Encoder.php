<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

use Hearken\Worker\Error\NotSendable;

/**
 * PHP values to MessagePack, always in the shortest form.
 *
 * Used whether or not ext-msgpack is loaded: the extension cannot write what the line needs, an empty map (it writes
 * 0x90), `bin` (it writes bytes that are not UTF-8 as `str`) and integers above PHP_INT_MAX.
 */
final class Encoder
{
    /**
     * @throws NotSendable when a value has no MessagePack form
     */
    public static function encode(mixed $value, int $depth = 1): string
    {
        return match (true) {
            \is_string($value) => self::string($value),
            \is_int($value) => self::integer($value),
            \is_array($value) => self::list($value, $depth),
            \is_bool($value) => $value ? "\xc3" : "\xc2",
            $value === null => "\xc0",
            \is_float($value) => "\xcb" . \pack('E', $value),
            $value instanceof Bytes => self::bytes($value->value),
            $value instanceof Unsigned => "\xcf" . $value->bytes,
            $value instanceof Extension => throw new NotSendable('the line carries no MessagePack extensions'),
            $value instanceof \stdClass => self::map((array) $value, $depth),
            $value instanceof Encoded => $value->bytes,
            default => throw new NotSendable(\sprintf(
                'a value of type %s has no MessagePack form; send arrays, strings, numbers, booleans, null or stdClass',
                \get_debug_type($value),
            )),
        };
    }

    /** @param array<array-key, mixed> $entries written as a map even when empty or a list */
    public static function map(array $entries, int $depth = 1): string
    {
        $out = self::head(\count($entries), 0x80, 0xde, $depth);
        foreach ($entries as $key => $value) {
            // PHP turns the key "7" into the integer 7; keys of the line are text.
            $out .= self::string((string) $key) . self::encode($value, $depth + 1);
        }

        return $out;
    }

    /** @param array<array-key, mixed> $items */
    private static function list(array $items, int $depth): string
    {
        if (!\array_is_list($items)) {
            return self::map($items, $depth);
        }
        $out = self::head(\count($items), 0x90, 0xdc, $depth);
        foreach ($items as $item) {
            $out .= self::encode($item, $depth + 1);
        }

        return $out;
    }

    private static function head(int $count, int $short, int $long, int $depth): string
    {
        if ($depth > Frame::MAX_DEPTH) {
            throw new NotSendable(\sprintf('a value is nested deeper than %d levels; flatten it', Frame::MAX_DEPTH));
        }

        return match (true) {
            $count < 16 => \chr($short | $count),
            $count < 0x10000 => \chr($long) . \pack('n', $count),
            default => \chr($long + 1) . \pack('N', $count),
        };
    }

    private static function string(string $value): string
    {
        if (\preg_match('//u', $value) !== 1) {
            return self::bytes($value);
        }
        $length = \strlen($value);

        return match (true) {
            $length < 32 => \chr(0xa0 | $length),
            $length < 0x100 => "\xd9" . \chr($length),
            $length < 0x10000 => "\xda" . \pack('n', $length),
            default => "\xdb" . \pack('N', $length),
        } . $value;
    }

    private static function bytes(string $value): string
    {
        $length = \strlen($value);

        return match (true) {
            $length < 0x100 => "\xc4" . \chr($length),
            $length < 0x10000 => "\xc5" . \pack('n', $length),
            default => "\xc6" . \pack('N', $length),
        } . $value;
    }

    private static function integer(int $value): string
    {
        return match (true) {
            $value >= 0 => match (true) {
                $value < 0x80 => \chr($value),
                $value < 0x100 => "\xcc" . \chr($value),
                $value < 0x10000 => "\xcd" . \pack('n', $value),
                $value < 0x100000000 => "\xce" . \pack('N', $value),
                default => "\xcf" . \pack('J', $value),
            },
            $value >= -0x20 => \chr($value & 0xff),
            $value >= -0x80 => "\xd0" . \chr($value & 0xff),
            $value >= -0x8000 => "\xd1" . \pack('n', $value & 0xffff),
            $value >= -0x80000000 => "\xd2" . \pack('N', $value & 0xffffffff),
            default => "\xd3" . \pack('J', $value),
        };
    }
}
