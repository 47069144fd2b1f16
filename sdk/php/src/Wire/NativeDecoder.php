<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

use Hearken\Worker\Quiet;

/**
 * ext-msgpack, where it is loaded: ten times as fast, so it reads the large frames.
 *
 * It has no say in what is refused. Whatever it or the look at its answer does not like is left to Decoder, so that a
 * program behaves the same with it and without.
 */
final class NativeDecoder
{
    /**
     * The fields of the body `[kind, {…}]` with $count pairs; null: read it the careful way.
     *
     * @return array<string, mixed>|null
     */
    public static function fields(string $body, int $count): ?array
    {
        if (!\class_exists(\MessagePack::class, false)) {
            return null;
        }
        // false: plain data only. By default the extension makes objects of any class that the bytes name.
        [$value, $trouble] = Quiet::call(static fn (): mixed => (new \MessagePack(false))->unpack($body));
        $fields = \is_array($value) ? ($value[1] ?? null) : null;
        // Fewer entries than pairs: a key stood there twice.
        if ($trouble !== null || !\is_array($fields) || \count($fields) !== $count || !self::isShallow($fields)) {
            return null;
        }
        foreach ($fields as $key => $_) {
            if (!\is_string($key)) {
                return null;
            }
        }

        return $fields;
    }

    /** @param array<array-key, mixed> $fields */
    private static function isShallow(array $fields): bool
    {
        // Level by level, not by recursion: the depth is what is in doubt.
        $level = [$fields];
        for ($depth = 2; $level !== []; $depth++) {
            if ($depth > Frame::MAX_DEPTH) {
                return false;
            }
            $below = [];
            foreach ($level as $holder) {
                foreach ($holder as $item) {
                    if (\is_array($item)) {
                        $below[] = $item;
                    }
                }
            }
            $level = $below;
        }

        return true;
    }
}
