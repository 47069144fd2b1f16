<?php

declare(strict_types=1);

namespace Hearken\Worker\Wire;

use Hearken\Worker\Error\NotSendable;
use Hearken\Worker\Error\ProtocolError;

/**
 * The messages of protocol 1: their numbers, names and fields, both ways, in one table each; a `?` marks a field that
 * may be left out. The types are those of Field. The order is that in which the reference encoder writes.
 *
 * Both ways are checked. What comes in, because it comes from another process; what goes out, because one wrong field
 * ends the line and with it this process: better an exception where the mistake was made.
 */
final class Messages
{
    public const PROTOCOL = [1, 1];
    private const FIRST_ANCILLARY = 64;

    /** What a child says. */
    public const TO_SUPERVISOR = [
        1 => ['hello', [
            'protocol' => 'range', 'sdk' => 'text', 'language' => 'text', 'pid' => 'u32', 'build?' => 'text',
            'task_types?' => 'text list',
        ]],
        2 => ['ready', ['credits?' => 'u16']],
        3 => ['accepted', ['handle' => 'u32']],
        4 => ['progress', [
            'handle?' => 'u32', 'done?' => 'u64', 'total?' => 'u64', 'unit?' => 'text', 'stage?' => 'text',
            'message?' => 'text',
        ]],
        5 => ['log', [
            'handle?' => 'u32', 'level' => 'level', 'message' => 'text', 'target?' => 'text', 'fields?' => 'map',
            'time?' => 'i64',
        ]],
        6 => ['chunk', ['handle' => 'u32', 'sequence' => 'u32', 'data' => 'bytes 262144', 'last' => 'bool']],
        7 => ['result', [
            'handle' => 'u32', 'data?' => 'any', 'content_type?' => 'text', 'chunks?' => 'u32', 'summary?' => 'map',
        ]],
        8 => ['error', [
            'handle?' => 'u32', 'kind' => 'error kind', 'code' => 'text', 'message' => 'text', 'retryable?' => 'bool',
            'retry_after_ms?' => 'u64', 'scope?' => 'scope', 'dependency?' => 'text', 'details?' => 'map',
            'causes?' => 'causes', 'trace?' => 'text',
        ]],
        9 => ['heartbeat', ['sequence' => 'u64', 'busy?' => 'u32 list', 'memory?' => 'u64']],
        10 => ['checkpoint', ['handle' => 'u32', 'sequence' => 'u32', 'data' => 'bytes 65536']],
        11 => ['snooze', ['handle' => 'u32', 'delay_ms' => 'u64', 'reason' => 'text']],
        12 => ['draining', ['reason' => 'text']],
        13 => ['exiting', ['intent' => 'intent', 'reason?' => 'text']],
        14 => ['status', ['text' => 'text']],
        64 => ['metric', ['name' => 'text', 'type' => 'metric type', 'value' => 'number', 'labels?' => 'texts']],
        65 => ['event', ['handle?' => 'u32', 'name' => 'text', 'fields' => 'map']],
    ];

    /** What the supervisor says. */
    public const TO_CHILD = [
        32 => ['welcome', [
            'protocol' => 'u16', 'unit' => 'text', 'instance' => 'u32', 'incarnation' => 'u32', 'max_frame' => 'u32',
            'heartbeat_ms?' => 'u32', 'config?' => 'map',
        ]],
        33 => ['reject', ['code' => 'text', 'message' => 'text']],
        34 => ['task', [
            'handle' => 'u32', 'id' => 'text', 'type?' => 'text', 'attempt' => 'u32', 'crashes' => 'u32',
            'payload' => 'any', 'content_type?' => 'text', 'soft_ms?' => 'u64', 'hard_ms?' => 'u64', 'key?' => 'text',
            'headers?' => 'texts', 'traceparent?' => 'text', 'checkpoint?' => 'bytes', 'last_error?' => 'map',
            'batch?' => 'text',
        ]],
        35 => ['cancel', ['handle' => 'u32', 'reason' => 'cancel reason', 'grace_ms' => 'u64']],
        36 => ['drain', ['grace_ms' => 'u64', 'reason' => 'text']],
        38 => ['ping', ['sequence' => 'u64']],
        39 => ['ack', ['handle' => 'u32', 'of' => 'acked']],
    ];

    /**
     * The kind and the fields of an outgoing message, ready for Frame::encode; fields that are null are left out.
     *
     * @param array<string, mixed> $fields
     * @return array{int, array<string, mixed>}
     * @throws NotSendable
     */
    public static function compose(string $name, array $fields): array
    {
        static $numbers = null;
        $numbers ??= \array_flip(\array_map(static fn (array $shape): string => $shape[0], self::TO_SUPERVISOR));
        $kind = $numbers[$name];
        $checked = self::checked($name, self::TO_SUPERVISOR[$kind][1], $fields, NotSendable::class, Field::write(...));
        $unknown = \array_diff_key($fields, $checked);
        foreach ($unknown as $key => $value) {
            if (!isset(self::TO_SUPERVISOR[$kind][1]["$key?"])) {
                throw new NotSendable("$name has no field $key");
            }
        }

        return [$kind, $checked];
    }

    /**
     * The name and the fields of an incoming message, or null for an ancillary one of a newer version.
     *
     * @param array<string, mixed> $fields
     * @return array{string, array<string, mixed>}|null
     * @throws ProtocolError
     */
    public static function read(int $kind, array $fields): ?array
    {
        [$name, $shape] = self::TO_CHILD[$kind] ?? [null, []];
        if ($name !== null) {
            return [$name, self::checked($name, $shape, $fields, ProtocolError::class, Field::read(...))];
        }
        if ($kind >= self::FIRST_ANCILLARY && !isset(self::TO_SUPERVISOR[$kind])) {
            return null;
        }
        throw new ProtocolError(\sprintf(
            'the supervisor sent a message of kind %d, which no child knows in protocol %d; '
            . 'install a version of this package made for that version of hearken',
            $kind,
            self::PROTOCOL[1],
        ));
    }

    /**
     * @param array<string, string> $shape
     * @param array<string, mixed> $fields
     * @param class-string<\Exception> $error
     * @param \Closure(string, mixed): mixed $check
     * @return array<string, mixed>
     */
    private static function checked(string $name, array $shape, array $fields, string $error, \Closure $check): array
    {
        $values = [];
        foreach ($shape as $key => $type) {
            $optional = \str_ends_with($key, '?');
            $key = \rtrim($key, '?');
            if ($optional && !isset($fields[$key])) {
                continue;
            }
            if (!$optional && !\array_key_exists($key, $fields)) {
                throw new $error("$name without the field $key");
            }
            try {
                $values[$key] = $check($type, $fields[$key]);
            } catch (\UnexpectedValueException $wrong) {
                throw new $error("$name, field $key: " . $wrong->getMessage());
            }
        }

        return $values;
    }
}
