<?php

declare(strict_types=1);

namespace Hearken\Worker\Tests;

use Hearken\Worker\Error\FrameTooLarge;
use Hearken\Worker\Error\NotSendable;
use Hearken\Worker\Error\ProtocolError;
use Hearken\Worker\Wire\Bytes;
use Hearken\Worker\Wire\Decoder;
use Hearken\Worker\Wire\Encoder;
use Hearken\Worker\Wire\Extension;
use Hearken\Worker\Wire\Frame;
use Hearken\Worker\Wire\Messages;
use Hearken\Worker\Wire\NativeDecoder;
use Hearken\Worker\Wire\HalfFrame;
use Hearken\Worker\Wire\Splitter;

test('a stream in single bytes gives the same frames', function () {
    $splitter = new Splitter();
    $frames = [];
    foreach (\str_split(packed(PING, ['sequence' => 1]) . packed(PING, ['sequence' => 2])) as $byte) {
        $splitter->feed($byte);
        if (($body = $splitter->next(64)) !== null) {
            $frames[] = Frame::decode($body);
        }
    }
    same([[PING, ['sequence' => 1]], [PING, ['sequence' => 2]]], $frames);
    same(0, $splitter->kept());
});

test('a length is refused before its bytes have come', function () {
    foreach ([[0, 64], [65, 64], [0xffffffff, 1 << 20]] as [$length, $limit]) {
        $splitter = new Splitter();
        $splitter->feed(\pack('N', $length));
        throws(ProtocolError::class, "$length bytes", fn () => $splitter->next($limit));
    }
});

test('what is not a frame is refused', function () {
    $filling = "\xa1z\xda\x20\x00" . \str_repeat('x', 0x2000); // over the size from which the extension is asked
    foreach ([
        'an array of three' => "\x93\x26\x80\x80",
        'a map' => "\x80",
        'nothing' => '',
        'half a frame' => "\x92\x26",
        'bytes after the value' => "\x92\x26\x80\xc0",
        'the reserved byte' => "\x92\x26\xc1",
        'fields that are a list' => "\x92\x26\x91\x01",
        'fields that are nil' => "\x92\x26\xc0",
        'a key that is no text' => "\x92\x26\x81\x01\x01",
        'a kind that is a boolean' => "\x92\xc3\x80",
        'a kind above 127' => "\x92\xcc\x80\x80",
        'a negative kind' => "\x92\xff\x80",
        'a list of 2^32-1' => "\x92\x26\x81\xa1a\xdd\xff\xff\xff\xff",
        'a map of 2^32-1' => "\x92\x26\xdf\xff\xff\xff\xff",
        'binary of 2^32-1' => "\x92\x26\x81\xa1a\xc6\xff\xff\xff\xff",
        'depth 33' => "\x92\x26\x81\xa1a" . \str_repeat("\x91", 31) . "\x01",
        'depth 100,000' => "\x92\x26\x81\xa1a" . \str_repeat("\x91", 100_000) . "\x01",
        'a field twice' => "\x92\x26\x82\xa1a\x01\xa1a\x01",
        'large, a field twice' => "\x92\x26\x83$filling\xa1a\x01\xa1a\x01",
        'large, bytes after the value' => "\x92\x26\x81$filling\xc0",
        'large, depth 33' => "\x92\x26\x82$filling\xa1a" . \str_repeat("\x91", 31) . "\x01",
        'large, the reserved byte' => "\x92\x26\x82$filling\xa1a\xc1",
        'large, a key that is no text' => "\x92\x26\x82$filling\x01\x01",
    ] as $about => $body) {
        throws(ProtocolError::class, '', fn () => Frame::decode($body), $about);
    }
});

test('depth 32 is allowed', function () {
    [$kind, $fields] = Frame::decode("\x92\x26\x81\xa1a" . \str_repeat("\x91", 30) . "\x01");
    same([PING, ['a']], [$kind, \array_keys($fields)]);
});

test('languages may differ in three ways', function () {
    same([PING, []], Frame::decode("\x92\x26\x90"), "PHP's empty map");
    same([PING, []], Frame::decode("\x92\xcb" . \pack('E', 38.0) . "\x80"), "JavaScript's integers");
    same(['ping', ['sequence' => 2 ** 40]], Messages::read(PING, ['sequence' => 2.0 ** 40]));
});

test('opaque values may hold anything', function () {
    $task = ['handle' => 1, 'id' => 'x', 'attempt' => 1, 'crashes' => 0, 'payload' => null];
    same(null, Messages::read(TASK, $task)[1]['payload']);
    $decoder = new Decoder("\xc7\x02\x05ab");
    $extension = $decoder->value(1);
    isTrue($extension instanceof Extension && $extension->type === 5 && $extension->data === 'ab', 'an extension');
    throws(ProtocolError::class, 'not text', fn () => Messages::read(REJECT, ['code' => "\xff", 'message' => '']));
});

test('every integer comes back as it went', function () {
    foreach ([0, 1, 127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, \PHP_INT_MAX] as $value) {
        foreach ([$value, -$value, -$value - 1] as $signed) {
            same($signed, (new Decoder(Encoder::encode($signed)))->value(1));
        }
    }
    [, $fields] = Messages::compose('heartbeat', ['sequence' => '18446744073709551615']);
    same("\xcf" . \str_repeat("\xff", 8), Encoder::encode($fields['sequence']));
    same('18446744073709551615', (new Decoder("\xcf" . \str_repeat("\xff", 8)))->value(1));
});

test('every length of text, binary, list and map comes back', function () {
    foreach ([0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536] as $length) {
        foreach ([\str_repeat('x', $length), \str_repeat("\xff", $length), \array_fill(0, $length, 1)] as $value) {
            same($value, (new Decoder(Encoder::encode($value)))->value(1), "length $length");
        }
        $map = $length === 0 ? [] : \array_combine(\array_map(fn ($i) => "k$i", \range(1, $length)), \range(1, $length));
        same($map, (new Decoder(Encoder::encode((object) $map)))->value(1), "map of $length");
    }
    same("\x80", Encoder::encode(new \stdClass()), 'an empty map is a map');
    same("\xc4\x01a", Encoder::encode(new Bytes('a')), 'bytes are bin');
});

test('the extension, where it is loaded, reads what the bundled decoder reads', function () {
    $fields = ['a' => ['x' => [1, -1, 2.5, null, true, 'ä', []], 'y' => ['z' => 2 ** 40]], 'b' => 'text'];
    $body = \substr(packed(PING, $fields), 4);
    same(\extension_loaded('msgpack') ? $fields : null, NativeDecoder::fields($body, 2));
    $large = ['a' => \array_fill(0, 5000, ['id' => 1, 'name' => 'n'])];
    same([PING, $large], Frame::decode(\substr(packed(PING, $large), 4)));
});

test('bytes name no class of this program', function () {
    $object = "\x82\xc0\xa8stdClass\xa1a\x01";
    $body = "\x92\x26\x81\xa1a" . $object;
    isTrue(!(NativeDecoder::fields($body, 1)['a'] ?? null) instanceof \stdClass, 'the extension makes no objects');
    throws(ProtocolError::class, 'key', fn () => Frame::decode($body));
});

test('unknown keys are ignored', function () {
    same(['ping', ['sequence' => 1]], Messages::read(PING, ['sequence' => 1, 'new' => []]));
});

test('unknown ancillary kinds are dropped and critical ones are not', function () {
    same([null, null], [Messages::read(66, []), Messages::read(127, [])]);
    foreach ([0, 37, 63] as $kind) {
        throws(ProtocolError::class, "kind $kind", fn () => Messages::read($kind, []));
    }
    foreach (\array_keys(Messages::TO_SUPERVISOR) as $kind) {
        throws(ProtocolError::class, "kind $kind", fn () => Messages::read($kind, []), 'a message of a child');
    }
});

test('fields are checked', function () {
    foreach ([[], ['sequence' => null], ['sequence' => -1], ['sequence' => true], ['sequence' => '1']] as $fields) {
        throws(ProtocolError::class, 'sequence', fn () => Messages::read(PING, $fields));
    }
});

test('a frame over the limit is refused', function () {
    throws(FrameTooLarge::class, 'limit of 64', fn () => Frame::encode(14, ['text' => \str_repeat('x', 64)], 64));
});

test('wrong fields are refused where they are written', function () {
    foreach ([
        ['progress', ['done' => -1]],
        ['ready', ['credits' => 1 << 16]],
        ['log', ['level' => 6, 'message' => '']],
        ['log', ['level' => 1, 'message' => '', 'fields' => ['a', 'b']]],
        ['error', ['kind' => 'crashed', 'code' => 'x', 'message' => 'x']],
        ['exiting', ['intent' => 'maybe']],
        ['status', ['text' => "\xff"]],
        ['status', []],
        ['ready', ['credit' => 1]],
    ] as [$name, $fields]) {
        throws(NotSendable::class, $name, fn () => Messages::compose($name, $fields));
    }
    throws(NotSendable::class, 'Closure', fn () => Encoder::encode(fn () => 1));
    $endless = [];
    $endless['again'] = &$endless;
    throws(NotSendable::class, 'deeper than 32', fn () => Encoder::encode($endless));
});

test('a frame has five seconds from its first byte however it drips', function () {
    $half = new HalfFrame();
    same(null, $half->timeLeft(100.0));
    $half->note(true, false, 100.0);
    $half->note(true, false, 103.0);
    same([2.0, false, true], [$half->timeLeft(103.0), $half->isOver(104.9), $half->isOver(105.0)]);
    $half->note(true, true, 104.0);
    same([false, true], [$half->isOver(105.0), $half->isOver(109.0)], 'the frame behind a whole one has a time of its own');
    $half->note(false, true, 109.0);
    same([null, false], [$half->timeLeft(109.0), $half->isOver(114.0)]);
});

test('a program that did not look gives a frame its time again', function () {
    $half = new HalfFrame();
    $half->note(true, false, 100.0);
    same([false, 5.0, true], [$half->isOver(160.0), $half->timeLeft(160.0), $half->isOver(165.0)]);
});
