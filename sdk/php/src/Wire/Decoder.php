<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

use Hearken\Worker\Error\ProtocolError;

/**
 * MessagePack to PHP values, one after the other. Believes no length before the bytes are there.
 *
 * Maps become arrays, `str` and `bin` strings, extensions Extension; integers above PHP_INT_MAX become decimal text,
 * as ext-msgpack has it.
 */
final class Decoder
{
    private int $at = 0;

    public function __construct(private readonly string $bytes)
    {
    }

    /** How many bytes have been read. */
    public function position(): int
    {
        return $this->at;
    }

    /** The next value, nested at most $depth levels. */
    public function value(int $depth): mixed
    {
        $type = \ord($this->take(1));

        return match (true) {
            $type < 0x80 => $type,
            $type < 0x90 => $this->map($type & 0x0f, $depth),
            $type < 0xa0 => $this->list($type & 0x0f, $depth),
            $type < 0xc0 => $this->take($type & 0x1f),
            $type >= 0xe0 => $type - 0x100,
            default => $this->longer($type, $depth),
        };
    }

    /** The pairs of the map that comes next; an empty array is an empty map, as PHP itself writes it. */
    public function mapLength(): int
    {
        $type = \ord($this->take(1));

        return match (true) {
            ($type & 0xf0) === 0x80 => $type & 0x0f,
            $type === 0x90 => 0,
            $type === 0xde => $this->number('n', 2),
            $type === 0xdf => $this->number('N', 4),
            // An empty array written the long way.
            $type === 0xdc && $this->number('n', 2) === 0 => 0,
            $type === 0xdd && $this->number('N', 4) === 0 => 0,
            default => throw new ProtocolError('the fields of a frame are no map'),
        };
    }

    private function longer(int $type, int $depth): mixed
    {
        return match ($type) {
            0xc0 => null,
            0xc2 => false,
            0xc3 => true,
            0xc4, 0xd9 => $this->take($this->number('C', 1)),
            0xc5, 0xda => $this->take($this->number('n', 2)),
            0xc6, 0xdb => $this->take($this->number('N', 4)),
            0xc7 => $this->extension($this->number('C', 1)),
            0xc8 => $this->extension($this->number('n', 2)),
            0xc9 => $this->extension($this->number('N', 4)),
            0xca => \unpack('G', $this->take(4))[1],
            0xcb => \unpack('E', $this->take(8))[1],
            0xcc => $this->number('C', 1),
            0xcd => $this->number('n', 2),
            0xce => $this->number('N', 4),
            0xcf => $this->unsigned(),
            0xd0 => ($this->number('C', 1) ^ 0x80) - 0x80,
            0xd1 => ($this->number('n', 2) ^ 0x8000) - 0x8000,
            0xd2 => ($this->number('N', 4) ^ 0x80000000) - 0x80000000,
            0xd3 => $this->number('J', 8),
            0xd4, 0xd5, 0xd6, 0xd7, 0xd8 => $this->extension(1 << ($type - 0xd4)),
            0xdc => $this->list($this->number('n', 2), $depth),
            0xdd => $this->list($this->number('N', 4), $depth),
            0xde => $this->map($this->number('n', 2), $depth),
            0xdf => $this->map($this->number('N', 4), $depth),
            default => throw new ProtocolError('a frame has the byte 0xc1, which MessagePack never uses'),
        };
    }

    private function unsigned(): int|string
    {
        $bytes = $this->take(8);
        $value = \unpack('J', $bytes)[1];

        return $value >= 0 ? $value : Unsigned::decimal($bytes);
    }

    private function extension(int $length): Extension
    {
        return new Extension(($this->number('C', 1) ^ 0x80) - 0x80, $this->take($length));
    }

    /** @return list<mixed> */
    private function list(int $length, int $depth): array
    {
        $this->enter($length, $depth);
        $items = [];
        for ($i = 0; $i < $length; $i++) {
            $items[] = $this->value($depth - 1);
        }

        return $items;
    }

    /** @return array<array-key, mixed> */
    private function map(int $length, int $depth): array
    {
        $this->enter($length * 2, $depth);
        $entries = [];
        for ($i = 0; $i < $length; $i++) {
            $key = $this->value($depth - 1);
            if (!\is_string($key) && !\is_int($key)) {
                throw new ProtocolError('a map has a key that is neither text nor an integer');
            }
            $entries[$key] = $this->value($depth - 1);
        }

        return $entries;
    }

    private function enter(int $values, int $depth): void
    {
        if ($depth < 1) {
            throw new ProtocolError(\sprintf('a frame is nested deeper than %d', Frame::MAX_DEPTH));
        }
        // Every value takes a byte at least: a claim of 2^32 - 1 ends here, not in the loop.
        if ($values > \strlen($this->bytes) - $this->at) {
            throw new ProtocolError('a value claims more bytes than the frame holds');
        }
    }

    private function number(string $format, int $size): int
    {
        return \unpack($format, $this->take($size))[1];
    }

    private function take(int $size): string
    {
        if ($size > \strlen($this->bytes) - $this->at) {
            throw new ProtocolError('a value claims more bytes than the frame holds');
        }
        $taken = \substr($this->bytes, $this->at, $size);
        $this->at += $size;

        return $taken;
    }
}
