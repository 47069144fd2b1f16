<?php

declare(strict_types=1);

namespace Hearken\Worker;

use Hearken\Worker\Error\ForkedWorker;
use Hearken\Worker\Error\LineLost;
use Hearken\Worker\Error\NotSendable;
use Hearken\Worker\Error\ProtocolError;
use Hearken\Worker\Wire\Frame;
use Hearken\Worker\Wire\HalfFrame;
use Hearken\Worker\Wire\Messages;
use Hearken\Worker\Wire\Splitter;

/** One end of the socketpair: says one message at a time and hears what has come. */
final class Line
{
    private const READ_SIZE = 64 * 1024;
    /** May come after `exiting`; anything else would end the line as a violation. */
    private const FAREWELLS = ['log', 'status', 'heartbeat', 'metric', 'event'];
    /** A signal that comes in the moment before select is seen after that many seconds, not never. */
    private const LONGEST_WAIT = 5.0;

    private readonly Splitter $splitter;
    private readonly int $process;
    private int $maxFrame = Frame::MAX_BEFORE_WELCOME;
    private ?string $ended = null;
    private bool $lastWord = false;
    private string $unsent = '';
    private bool $busy = false;

    /** @param resource $stream */
    public function __construct(private $stream, private readonly HalfFrame $half = new HalfFrame())
    {
        // Never a blocking read or write: those sit through SIGTERM.
        \stream_set_blocking($stream, false);
        \stream_set_read_buffer($stream, 0);
        \stream_set_chunk_size($stream, self::READ_SIZE);
        $this->splitter = new Splitter();
        $this->process = \getmypid();
    }

    /**
     * Says one message, whole. Waits while the supervisor does not read.
     *
     * @param array<string, mixed> $fields
     */
    public function send(string $name, array $fields): void
    {
        $this->hold($name, $fields);
        $this->flush();
    }

    /**
     * Says one message with the next that is sent, or at flush(): what belongs together costs one system call.
     *
     * @param array<string, mixed> $fields
     */
    public function hold(string $name, array $fields): void
    {
        [$kind, $checked] = Messages::compose($name, $fields);
        $frame = Frame::encode($kind, $checked, $this->maxFrame);
        if ($this->lastWord && $this->ended === null && !\in_array($name, self::FAREWELLS, true)) {
            throw new NotSendable("$name cannot be said after exiting, which was the last word");
        }
        $this->lastWord = $this->lastWord || $name === 'exiting';
        $this->unsent .= $frame;
    }

    /** Sends what is held. Waits while the supervisor does not read. */
    public function flush(): void
    {
        if ($this->unsent === '') {
            return;
        }
        $data = $this->unsent;
        $this->unsent = '';
        if ($this->isForked()) {
            throw new ForkedWorker(\sprintf(
                'this process (%d) is a fork of the worker %d, which alone may use the line; '
                . 'hand the message to that process',
                \getmypid(),
                $this->process,
            ));
        }
        if ($this->ended !== null) {
            throw new LineLost($this->ended);
        }
        [$before, $this->busy] = [$this->busy, true];
        try {
            $this->write($data);
        } finally {
            $this->busy = $before;
        }
    }

    /** Whether this was asked, by a signal handler, in the middle of a frame. */
    public function isBusy(): bool
    {
        return $this->busy;
    }

    /** How many bytes the body of a frame may have. */
    public function maxFrame(): int
    {
        return $this->maxFrame;
    }

    /** Waits until there is something to receive. False: the time is over, or a signal came. */
    public function await(?float $seconds): bool
    {
        return $this->select(true, \min($seconds ?? self::LONGEST_WAIT, self::LONGEST_WAIT));
    }

    /**
     * Reads once, without waiting, and hands over the messages that are complete.
     *
     * @param callable(string, array<string, mixed>): void $hear
     * @return bool whether there may be more to read
     * @throws LineLost|ProtocolError
     */
    public function receive(callable $hear): bool
    {
        $this->busy = true;
        try {
            // What is heard may be answered at once, which is a write inside this read.
            return $this->read($hear);
        } finally {
            $this->busy = false;
        }
    }

    /** How many seconds the rest of a frame that has begun may still take; null: there is none. */
    public function timeForTheRest(): ?float
    {
        return $this->half->timeLeft(self::now());
    }

    /**
     * A frame that was begun and left half ends the line, as it would end that of a child.
     *
     * @throws ProtocolError
     */
    public function checkTheRest(): void
    {
        if ($this->half->isOver(self::now())) {
            throw new ProtocolError(\sprintf(
                'the supervisor left a frame half after %d bytes; that is a mistake in hearken, please report it',
                $this->splitter->kept(),
            ));
        }
    }

    /** Says and hears nothing more. */
    public function end(string $why): void
    {
        if ($this->ended === null && !$this->isForked()) {
            // Shut down, not only closed: HEARKEN_FD itself stays open until the process ends.
            Quiet::call(fn (): mixed => \stream_socket_shutdown($this->stream, \STREAM_SHUT_RDWR));
        }
        $this->ended ??= $why;
    }

    public function isForked(): bool
    {
        return \getmypid() !== $this->process;
    }

    /** @param callable(string, array<string, mixed>): void $hear */
    private function read(callable $hear): bool
    {
        [$data, $why] = Quiet::call(fn (): mixed => \fread($this->stream, self::READ_SIZE));
        if ($data === '' || $data === false) {
            if (!\feof($this->stream)) {
                return false;
            }
            $why ??= 'it closed the line' . ($this->splitter->kept() > 0 ? ' in the middle of a frame' : '');
            $this->end("the supervisor is gone ($why); finish what is in hand and exit");
            throw new LineLost($this->ended);
        }
        $this->splitter->feed($data);
        $wasWhole = false;
        while (($body = $this->splitter->next($this->maxFrame)) !== null) {
            $wasWhole = true;
            $message = Messages::read(...Frame::decode($body));
            if ($message === null) {
                continue;
            }
            if ($message[0] === 'welcome') {
                // Counts for the very next frame, which may have been read already.
                $this->maxFrame = \min($message[1]['max_frame'], Frame::MAX_CEILING);
            }
            $hear(...$message);
        }
        $this->half->note($this->splitter->kept() > 0, $wasWhole, self::now());

        return \strlen($data) === self::READ_SIZE;
    }

    private function write(string $data): void
    {
        while ($data !== '') {
            [$written, $why] = Quiet::call(fn (): mixed => \fwrite($this->stream, $data));
            if ($written === false) {
                $why = \preg_replace('/^.*errno=\d+ /', '', $why ?? 'the write failed');
                $this->end("the supervisor is gone ($why); finish what is in hand and exit");
                throw new LineLost($this->ended);
            }
            $data = \substr($data, $written);
            if ($data !== '') {
                $this->select(false, self::LONGEST_WAIT);
            }
        }
    }

    private function select(bool $toRead, float $seconds): bool
    {
        $read = $toRead ? [$this->stream] : null;
        $write = $toRead ? null : [$this->stream];
        $except = null;
        $whole = (int) \max(0.0, $seconds);
        // Rounded up: one that returns a moment early would be called again and again.
        $microseconds = (int) \ceil((\max(0.0, $seconds) - $whole) * 1e6);
        [$count] = Quiet::call(static function () use (&$read, &$write, &$except, $whole, $microseconds): int|false {
            return \stream_select($read, $write, $except, $whole, $microseconds);
        });

        return $count === 1;
    }

    private static function now(): float
    {
        return \hrtime(true) / 1e9;
    }
}
