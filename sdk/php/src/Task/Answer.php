<?php

declare(strict_types=1);

namespace Hearken\Worker\Task;

use Hearken\Worker\Ending;
use Hearken\Worker\Error\FrameTooLarge;
use Hearken\Worker\Error\NotSendable;
use Hearken\Worker\Failure\Bug;
use Hearken\Worker\Result;
use Hearken\Worker\Snooze;
use Hearken\Worker\Text;
use Hearken\Worker\Wire\Bytes;
use Hearken\Worker\Wire\Encoded;
use Hearken\Worker\Wire\Encoder;

/** How a task ends: with a result, an error or a snooze. Each is said together with what comes next on the line. */
final class Answer
{
    public const RESULT = 7;
    public const ERROR = 8;
    public const SNOOZE = 11;
    /** The level of nesting at which the data stands: the frame and its fields are the first two. */
    public const DEPTH = 3;

    private const CHUNK = 256 * 1024;
    /** What a frame may have around the data. */
    private const AROUND = 1024;
    private const MESSAGEPACK = 'application/msgpack';

    public function __construct(private readonly Voice $voice)
    {
    }

    /** @return int the kind of the message that ended the task */
    public function result(mixed $returned): int
    {
        if ($returned === null) {
            $this->voice->hold('result');

            return self::RESULT;
        }
        $result = Result::of($returned);
        $bytes = $result->bytes();
        $whole = $bytes ?? Encoder::encode($result->data, self::DEPTH);
        $type = $result->contentType ?? ($bytes === null ? null : Result::BYTES);
        $fields = ['summary' => $result->summary === [] ? null : (object) $result->summary];
        $most = \min(self::CHUNK, $this->voice->maxFrame() - self::AROUND);
        if (\strlen($whole) > $most) {
            $chunks = $this->chunks($whole, $most);
            $this->voice->hold('result', ['content_type' => $type ?? self::MESSAGEPACK, 'chunks' => $chunks] + $fields);
        } elseif ($result->data === null) {
            $this->voice->hold('result', $fields);
        } else {
            $data = $bytes === null ? new Encoded($whole) : new Bytes($whole);
            $this->voice->hold('result', ['data' => $data, 'content_type' => $type] + $fields);
        }

        return self::RESULT;
    }

    /** Whatever the exception holds, an error is said. */
    public function error(\Throwable $exception): int
    {
        try {
            Ending::tell($exception, fn (array $fields) => $this->voice->hold('error', $fields), ofTask: true);
        } catch (NotSendable | FrameTooLarge $wrong) {
            $message = $wrong->getMessage() . '; it was ' . Text::className($exception) . ': ' . $exception->getMessage();
            Ending::tell(new Bug($message, code: 'error.not_sendable'), fn (array $fields) => $this->voice->hold('error', $fields));
        }

        return self::ERROR;
    }

    public function snooze(Snooze $snooze): int
    {
        $this->voice->hold('snooze', [
            'delay_ms' => Ending::milliseconds($snooze->after),
            'reason' => Text::cut($snooze->getMessage()),
        ]);

        return self::SNOOZE;
    }

    /** For a process that ends next: what was said goes out now. */
    public function send(): void
    {
        $this->voice->send();
    }

    /** @return int how many there were */
    private function chunks(string $whole, int $size): int
    {
        $count = \intdiv(\strlen($whole) - 1, $size) + 1;
        for ($sequence = 0; $sequence < $count; $sequence++) {
            $data = new Bytes(\substr($whole, $sequence * $size, $size));
            // Each at once: they are large, and a ping between them is answered.
            $this->voice->say('chunk', ['sequence' => $sequence, 'data' => $data, 'last' => $sequence === $count - 1]);
        }

        return $count;
    }
}
