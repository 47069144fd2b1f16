<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Wire\Bytes;

/**
 * What a handler returns when there is more to say than the value: what bytes are, and a summary.
 *
 * `return new Result($png, 'image/png', summary: ['width' => 640]);`. Everything else a handler returns is as good as
 * `new Result($it)`.
 */
final class Result
{
    public const BYTES = 'application/octet-stream';

    /**
     * @param mixed $data a value that MessagePack can say; text with a content type, and text that is not UTF-8, is bytes
     * @param array<string, mixed> $summary a few figures for people and for collecting, beside the data
     */
    public function __construct(
        public readonly mixed $data = null,
        public readonly ?string $contentType = null,
        public readonly array $summary = [],
    ) {
    }

    public static function of(mixed $returned): self
    {
        return $returned instanceof self ? $returned : new self($returned);
    }

    /** The data if it is bytes, null if it is a value. */
    public function bytes(): ?string
    {
        return match (true) {
            $this->data instanceof Bytes => $this->data->value,
            \is_string($this->data) && ($this->contentType !== null || \preg_match('//u', $this->data) !== 1) => $this->data,
            default => null,
        };
    }
}
