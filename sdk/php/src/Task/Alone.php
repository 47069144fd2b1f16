<?php

declare(strict_types=1);

namespace Hearken\Worker\Task;

use Hearken\Worker\Ending;
use Hearken\Worker\Listener;
use Hearken\Worker\Result;
use Hearken\Worker\Snooze;
use Hearken\Worker\Task;
use Hearken\Worker\Wire\Encoder;
use Hearken\Worker\Worker;

/**
 * One task without a supervisor, or with one that started this process for it (`mode = "exec"`): the payload is the first
 * argument or standard input, the result goes to standard output, and what the handler throws gives the exit code.
 */
final class Alone
{
    public function __construct(private readonly Worker $worker, private readonly Listener $listener)
    {
    }

    /** @return int the exit code */
    public function run(Handlers $handlers): int
    {
        $voice = new Voice(null, $this->listener, 0);
        $fields = self::fields();
        try {
            $this->show(Result::of($handlers->of($fields['type'])(new Task($fields, $voice, $this->worker))));
        } catch (Snooze $snooze) {
            (new Answer($voice))->snooze($snooze);

            return Snooze::EXIT_CODE;
        } catch (\Throwable $exception) {
            (new Answer($voice))->error($exception);

            return Ending::exitCode($exception, ofTask: true);
        }

        return 0;
    }

    /** @return array<string, mixed> those of a `task` message */
    private static function fields(): array
    {
        $text = $_SERVER['argv'][1] ?? \file_get_contents('php://stdin');
        $payload = \json_decode($text, true, 512, \JSON_BIGINT_AS_STRING);
        $attempt = self::environment('HEARKEN_TASK_ATTEMPT');

        return [
            'id' => self::environment('HEARKEN_TASK_ID') ?? \sprintf('alone-%d', \getmypid()),
            'type' => self::environment('HEARKEN_TASK_TYPE'),
            'key' => self::environment('HEARKEN_TASK_KEY'),
            'attempt' => $attempt !== null && \preg_match('/^\d{1,9}$/D', $attempt) === 1 ? (int) $attempt : 1,
            'crashes' => 0,
            'payload' => \json_last_error() === \JSON_ERROR_NONE ? $payload : $text,
        ];
    }

    private static function environment(string $name): ?string
    {
        $value = \getenv($name);

        return $value === false || $value === '' ? null : $value;
    }

    private function show(Result $result): void
    {
        $bytes = $result->bytes();
        if ($bytes === null) {
            // Refused here as on the line, so that a worker tried by hand keeps its word under a supervisor.
            Encoder::encode($result->data, Answer::DEPTH);
            $flags = \JSON_UNESCAPED_SLASHES | \JSON_UNESCAPED_UNICODE | \JSON_PRESERVE_ZERO_FRACTION
                | \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_THROW_ON_ERROR;
            $bytes = \json_encode($result->data, $flags) . "\n";
        }
        \file_put_contents('php://stdout', $bytes);
    }
}
