<?php
// One message as PHP's msgpack extension writes it: bytes as str, and an empty map as an empty array.
// Reads `[kind, fields]` as JSON from standard input; see also.py.

[$kind, $fields] = json_decode(stream_get_contents(STDIN), true, 64, JSON_THROW_ON_ERROR);

function framed(int $kind, array $fields): string
{
    $body = msgpack_pack([$kind, $fields]);
    return bin2hex(pack('N', strlen($body)) . $body);
}

echo framed($kind, $fields), "\n";
