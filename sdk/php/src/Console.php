<?php

declare(strict_types=1);

namespace Hearken\Worker;

/** Without a supervisor: what would have been said, in lines for people on standard error. */
final class Console
{
    public const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
    /** Said to machines only. */
    private const SILENT = ['hello', 'heartbeat', 'accepted'];

    /** @param array<string, mixed> $fields */
    public static function show(string $name, array $fields): void
    {
        if (!\in_array($name, self::SILENT, true)) {
            self::complain(self::sentence($name, $fields));
        }
    }

    /** A line that is for people whether there is a supervisor or not. Never fails. */
    public static function complain(string $text): void
    {
        // Opened anew: STDERR may have been closed, and does not exist in every way PHP is started.
        Quiet::call(static fn (): mixed => \file_put_contents('php://stderr', "hearken: $text\n"));
    }

    /** @param array<string, mixed> $fields */
    private static function sentence(string $name, array $fields): string
    {
        $fields = \array_filter($fields, static fn (mixed $value): bool => $value !== null);
        switch ($name) {
            case 'progress':
                $done = $fields['done'] ?? null;
                $fraction = isset($done, $fields['total']) ? "$done/{$fields['total']}" : $done;
                $words = [$fraction, $fields['unit'] ?? null, $fields['stage'] ?? null, $fields['message'] ?? null];

                return self::line('progress ' . \implode(' ', \array_filter($words, static fn ($word) => $word !== null)));
            case 'log':
                $pairs = self::pairs((array) ($fields['fields'] ?? []));

                return self::line(self::LEVELS[$fields['level']] . ': ' . $fields['message'] . $pairs);
            case 'error':
                $rest = \array_diff_key($fields, \array_flip(['kind', 'code', 'message', 'trace', 'causes']));
                $line = "error {$fields['kind']} ({$fields['code']}): {$fields['message']}" . self::pairs($rest);

                return self::line($line) . (isset($fields['trace']) ? "\n" . $fields['trace'] : '');
            case 'checkpoint':
                return "checkpoint {$fields['sequence']}: " . \strlen($fields['data']->value) . ' bytes';
            case 'status':
                return self::line('status: ' . $fields['text']);
            default:
                return self::line($name . self::pairs($fields));
        }
    }

    /** @param array<string, mixed> $values */
    private static function pairs(array $values): string
    {
        $text = '';
        foreach ($values as $key => $value) {
            $shown = \is_string($value) ? $value : \json_encode($value, \JSON_UNESCAPED_SLASHES | \JSON_UNESCAPED_UNICODE);
            $text .= " $key=$shown";
        }

        return $text;
    }

    private static function line(string $text): string
    {
        return \rtrim(\preg_replace('/\R/', ' ', $text));
    }
}
