<?php

/** The golden frames: what the reference encoder writes, this package reads; what it writes, the reference reads. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

use Hearken\Worker\Error\NotSendable;
use Hearken\Worker\Error\ProtocolError;
use Hearken\Worker\Wire\Bytes;
use Hearken\Worker\Wire\Frame;
use Hearken\Worker\Wire\Messages;
use Hearken\Worker\Wire\NativeDecoder;
use Hearken\Worker\Wire\Splitter;

function vectors(): string
{
    return \dirname(__DIR__, 3) . '/crates/proto/vectors';
}

function json(string $path): array
{
    return \json_decode(\file_get_contents($path), true, 512, \JSON_BIGINT_AS_STRING | \JSON_THROW_ON_ERROR);
}

/** @return list<array{string, int, array<string, mixed>}> name, kind and case */
function cases(string $direction): array
{
    $cases = [];
    foreach (\glob(vectors() . '/[0-9]*.json') as $path) {
        $file = json($path);
        foreach ($file['direction'] === $direction ? $file['cases'] : [] as $case) {
            $cases[] = [$file['name'], $file['kind'], $case];
        }
    }
    isTrue($cases !== [], 'no golden frames in ' . vectors());

    return $cases;
}

function body(string $frame): string
{
    $bytes = \hex2bin($frame);
    same(\strlen($bytes) - 4, \unpack('N', $bytes)[1]);

    return \substr($bytes, 4);
}

/** The fields as a frame holds them: JSON mode has the message in `kind`, so the kind of an error moves. */
function fieldsOf(string $name, array $case): array
{
    $fields = $case['json'];
    unset($fields['kind']);
    if ($name === 'error') {
        $fields['kind'] = $fields['error_kind'];
        unset($fields['error_kind']);
    }

    return $fields;
}

/** Equal whatever the order of the keys, and with 2.0 for 2 where a value is opaque; text stays apart from numbers. */
function sorted(mixed $value): mixed
{
    if (\is_array($value)) {
        \array_is_list($value) || \ksort($value);

        return \array_map(sorted(...), $value);
    }

    return \is_float($value) && $value === \floor($value) && \abs($value) < 2 ** 53 ? (int) $value : $value;
}

test('everything the supervisor says is read', function () {
    foreach (cases('to_child') as [$name, , $case]) {
        foreach ([$case['frame'], ...$case['also']] as $frame) {
            [$read, $fields] = Messages::read(...Frame::decode(body($frame)));
            same($name, $read);
            if ($case['json'] !== null) { // null: JSON cannot say it; that it is read is all
                same(sorted(fieldsOf($name, $case)), sorted($fields), "$name, {$case['about']}: $frame");
            }
        }
    }
});

test('everything the supervisor says is read by the extension too', function () {
    foreach (\extension_loaded('msgpack') ? cases('to_child') : [] as [$name, , $case]) {
        foreach ([$case['frame'], ...$case['also']] as $frame) {
            [, $fields] = Frame::decode(body($frame));
            $native = NativeDecoder::fields(body($frame), \count($fields));
            same(\serialize($fields), \serialize($native), "$name, {$case['about']}: $frame");
        }
    }
});

test('everything a child says is written', function () {
    foreach (cases('to_supervisor') as [$name, $kind, $case]) {
        if ($case['json'] === null) {
            continue;
        }
        $fields = fieldsOf($name, $case);
        if ($case['binary'] ?? false) {
            $fields['data'] = new Bytes($fields['data']);
        }
        [$composed, $fields] = Messages::compose($name, $fields);
        same($kind, $composed);
        $written = Frame::encode($kind, $fields, Frame::MAX_CEILING);
        // Value for value; then byte for byte, since both write the fields in the order of the protocol.
        same(\serialize(Frame::decode(body($case['frame']))), \serialize(Frame::decode(\substr($written, 4))), $name);
        same($case['frame'], \bin2hex($written), "$name, {$case['about']}");
    }
});

test('every message of the protocol has its vectors', function () {
    $told = \array_map(fn (string $path): string => \substr(\basename($path, '.json'), 3), \glob(vectors() . '/[0-9]*.json'));
    $known = \array_map(fn (array $shape): string => $shape[0], Messages::TO_SUPERVISOR + Messages::TO_CHILD);
    \sort($told);
    \sort($known);
    same($known, $told);
});

test('what is no frame there is none here', function () {
    $forms = ['empty_frame', 'not_a_message', 'truncated', 'trailing_bytes', 'reserved_byte', 'too_deep', 'bad_kind',
        'fields_not_a_map', 'duplicate_field'];
    $seen = [];
    foreach (json(vectors() . '/rejected.json') as $case) {
        if (\in_array($case['code'], $forms, true)) {
            $seen[] = $case['code'];
            throws(ProtocolError::class, '', function () use ($case) {
                $splitter = new Splitter();
                $splitter->feed(\hex2bin($case['frame']));
                Frame::decode($splitter->next(Frame::MAX_CEILING));
            }, $case['about']);
        }
    }
    same([], \array_diff($forms, $seen));
});

test('what the supervisor would reject is not written', function () {
    $codes = ['invalid_field', 'missing_field', 'field_too_large', 'supervisor_only_kind'];
    // PHP has one type for text and bytes, and array keys of text; extensions it cannot write by accident.
    $unsayable = ['a key that is no string', 'binary in the place of text'];
    $seen = 0;
    foreach (json(vectors() . '/rejected.json') as $case) {
        if (!\in_array($case['code'], $codes, true) || \in_array($case['about'], $unsayable, true)) {
            continue;
        }
        $seen++;
        [$kind, $fields] = Frame::decode(body($case['frame']));
        $name = Messages::TO_SUPERVISOR[$kind][0];
        throws(NotSendable::class, $name, fn () => Messages::compose($name, $fields), $case['about']);
    }
    isTrue($seen > 20, 'too few cases');
});
