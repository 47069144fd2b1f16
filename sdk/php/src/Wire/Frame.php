<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

use Hearken\Worker\Error\FrameTooLarge;
use Hearken\Worker\Error\ProtocolError;

/**
 * A frame: a u32 big-endian length, then exactly one MessagePack value, the array `[kind, fields]`.
 */
final class Frame
{
    public const MAX_BEFORE_WELCOME = 64 * 1024;
    public const MAX_CEILING = 16 * 1024 * 1024;
    /** The array of two is level 1, the fields level 2, what they hold level 3 and deeper. */
    public const MAX_DEPTH = 32;
    private const FIRST_BYTE = "\x92";
    /** Below this the extension is not worth its second check. */
    private const LARGE = 4096;

    /**
     * One whole frame.
     *
     * @param array<string, mixed> $fields
     */
    public static function encode(int $kind, array $fields, int $maxFrame): string
    {
        $body = self::FIRST_BYTE . Encoder::encode($kind) . Encoder::map($fields, 2);
        if (\strlen($body) > $maxFrame) {
            throw new FrameTooLarge(\sprintf(
                'a frame of %d bytes is over the limit of %d; send less, or raise max_frame in the configuration of hearken',
                \strlen($body),
                $maxFrame,
            ));
        }

        return \pack('N', \strlen($body)) . $body;
    }

    /**
     * The kind and the fields of one body.
     *
     * @return array{int, array<string, mixed>}
     * @throws ProtocolError
     */
    public static function decode(string $body): array
    {
        try {
            return self::decoded($body);
        } catch (ProtocolError $error) {
            throw new ProtocolError($error->getMessage() . ': ' . self::shown($body));
        }
    }

    /** The first bytes of something that was not understood, for people. */
    public static function shown(string $bytes): string
    {
        return '"' . \addcslashes(\substr($bytes, 0, 64), "\0..\37\"\\\177..\377") . '"';
    }

    /** @return array{int, array<string, mixed>} */
    private static function decoded(string $body): array
    {
        if (!\str_starts_with($body, self::FIRST_BYTE)) {
            throw new ProtocolError('a frame does not start with [kind, fields]');
        }
        $decoder = new Decoder(\substr($body, 1));
        $kind = $decoder->value(1);
        if (\is_float($kind) && $kind >= 0 && $kind <= 127 && $kind === \floor($kind)) {
            $kind = (int) $kind; // how JavaScript may write it
        }
        if (!\is_int($kind) || $kind < 0 || $kind > 127) {
            throw new ProtocolError('the kind of a frame is not a number from 0 to 127');
        }
        $count = $decoder->mapLength();
        if (\strlen($body) > self::LARGE) {
            $fields = NativeDecoder::fields($body, $count);
            if ($fields !== null) {
                return [$kind, $fields];
            }
        }
        $fields = [];
        while ($count-- > 0) {
            $key = $decoder->value(0);
            if (!\is_string($key)) {
                throw new ProtocolError('a frame has a key that is not text');
            }
            if (\array_key_exists($key, $fields)) {
                throw new ProtocolError("a frame has the field $key twice");
            }
            $fields[$key] = $decoder->value(self::MAX_DEPTH - 2);
        }
        if ($decoder->position() !== \strlen($body) - 1) {
            throw new ProtocolError('a frame goes on after its value');
        }

        return [$kind, $fields];
    }
}
