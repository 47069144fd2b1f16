<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

/** An integer from 2^63 to 2^64 - 1, which PHP's own integers do not reach. */
final class Unsigned
{
    /** @param string $bytes eight, big-endian */
    private function __construct(public readonly string $bytes)
    {
    }

    /** The number that these decimal digits are, or null if it is not in the range. */
    public static function fromDecimal(string $digits): ?self
    {
        // Of equal length, text is ordered as the numbers are; `<` would compare them as floats.
        $inRange = match (\strlen($digits)) {
            19 => \strcmp($digits, '9223372036854775807') > 0,
            20 => \strcmp($digits, '18446744073709551615') <= 0,
            default => false,
        };
        if (!$inRange || \preg_match('/^[1-9]\d*$/D', $digits) !== 1) {
            return null;
        }
        // Halves of 32 bits: times ten they stay below 2^63.
        $head = (int) \substr($digits, 0, -1);
        $low = ($head & 0xffffffff) * 10 + (int) $digits[-1];
        $high = ($head >> 32) * 10 + ($low >> 32);

        return new self(\pack('NN', $high & 0xffffffff, $low & 0xffffffff));
    }

    /** The decimal digits of a u64 in eight big-endian bytes. */
    public static function decimal(string $bytes): string
    {
        return \sprintf('%u', \unpack('J', $bytes)[1]);
    }
}
