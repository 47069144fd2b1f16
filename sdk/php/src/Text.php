<?php

declare(strict_types=1);

namespace Hearken\Worker;

/** Values on their way out: texts cut to their limit, free-form values made sendable. */
final class Text
{
    public const MESSAGE_LIMIT = 8 * 1024;
    public const TRACE_LIMIT = 32 * 1024;
    /** Ends a text that was cut; it counts towards the limit. */
    public const MARK = '…[cut]';
    /** Fields of a log may nest; the frame around them uses three of the 32 levels. */
    private const PLAIN_DEPTH = 24;

    /** The text in at most $limit bytes of valid UTF-8, cut between characters. */
    public static function cut(string $text, int $limit = self::MESSAGE_LIMIT): string
    {
        $cut = \strlen($text) > $limit;
        // Shortened first: a text of megabytes is not mended only to be thrown away.
        $text = self::utf8($cut ? self::head($text, $limit) : $text);
        if ($cut || \strlen($text) > $limit) {
            return self::head($text, $limit - \strlen(self::MARK)) . self::MARK;
        }

        return $text;
    }

    /**
     * A value as MessagePack and JSON can both say it; what they cannot say becomes text.
     *
     * For log fields and details, where losing a line because of an object in it would be worse than its text.
     */
    public static function plain(mixed $value, int $depth = 0): mixed
    {
        return match (true) {
            $value === null, \is_bool($value), \is_int($value) => $value,
            \is_float($value) => \is_finite($value) ? $value : (string) $value,
            \is_string($value) => self::cut($value),
            $value instanceof \BackedEnum => $value->value,
            $value instanceof \DateTimeInterface => $value->format(\DATE_RFC3339_EXTENDED),
            $value instanceof \Throwable => self::cut(self::className($value) . ': ' . $value->getMessage()),
            $value instanceof \Stringable => self::cut((string) $value),
            (\is_array($value) || $value instanceof \stdClass) && $depth < self::PLAIN_DEPTH
                => self::plainMap($value, $depth),
            default => \get_debug_type($value),
        };
    }

    /** The name of an exception class as a code: dotted, and without the file path of an anonymous class. */
    public static function className(object $object): string
    {
        return \strtr(\explode("\0", $object::class)[0], '\\', '.');
    }

    /** Bytes that are not UTF-8 become U+FFFD. */
    private static function utf8(string $text): string
    {
        if (\preg_match('//u', $text) === 1) {
            return $text;
        }

        return \json_decode(\json_encode($text, \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_THROW_ON_ERROR), true);
    }

    /** At most so many bytes, without the beginning of a character whose end would be missing. */
    private static function head(string $text, int $bytes): string
    {
        while ($bytes > 0 && isset($text[$bytes]) && (\ord($text[$bytes]) & 0xc0) === 0x80) {
            $bytes--;
        }

        return \substr($text, 0, $bytes);
    }

    /** @return array<array-key, mixed>|\stdClass */
    private static function plainMap(array|\stdClass $values, int $depth): array|\stdClass
    {
        $plain = [];
        foreach ((array) $values as $key => $value) {
            $plain[\is_string($key) ? self::cut($key) : $key] = self::plain($value, $depth + 1);
        }

        return \is_array($values) ? $plain : (object) $plain;
    }
}
