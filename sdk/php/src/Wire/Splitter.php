<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

use Hearken\Worker\Error\ProtocolError;

/** Cuts the stream into bodies. Keeps what has come of a frame until the rest is there. */
final class Splitter
{
    private const HEAD = 4;

    private string $kept = '';

    /** How many bytes have come of a frame that is not complete. */
    public function kept(): int
    {
        return \strlen($this->kept);
    }

    public function feed(string $data): void
    {
        $this->kept .= $data;
    }

    /** The next complete body, or null. Asked one at a time: `welcome` changes the limit for what follows it. */
    public function next(int $maxFrame): ?string
    {
        if (\strlen($this->kept) < self::HEAD) {
            return null;
        }
        $length = \unpack('N', $this->kept)[1];
        if ($length < 1 || $length > $maxFrame) {
            throw new ProtocolError(\sprintf(
                'a frame of %d bytes was announced, allowed are 1 to %d: %s',
                $length,
                $maxFrame,
                Frame::shown($this->kept),
            ));
        }
        if (\strlen($this->kept) < self::HEAD + $length) {
            return null;
        }
        $body = \substr($this->kept, self::HEAD, $length);
        $this->kept = \substr($this->kept, self::HEAD + $length);

        return $body;
    }
}
