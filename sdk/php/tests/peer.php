<?php

/** The supervisor's end of a line, and real child processes on one. */

declare(strict_types=1);

namespace Hearken\Worker\Tests;

use Hearken\Worker\Line;
use Hearken\Worker\Wire\Decoder;
use Hearken\Worker\Wire\Encoder;
use Hearken\Worker\Worker;

/** A bound on what should happen at once, in seconds; reached only by a failing test. */
const PATIENCE = 10;
const HELLO = 1;
const READY = 2;
const ACCEPTED = 3;
const PROGRESS = 4;
const LOG = 5;
const CHUNK = 6;
const RESULT = 7;
const ERROR = 8;
const HEARTBEAT = 9;
const CHECKPOINT = 10;
const SNOOZE = 11;
const DRAINING = 12;
const EXITING = 13;
const STATUS = 14;
const METRIC = 64;
const EVENT = 65;
const WELCOME = 32;
const REJECT = 33;
const TASK = 34;
const CANCEL = 35;
const DRAIN = 36;
const PING = 38;
const ACK = 39;
const WELCOME_FIELDS = ['protocol' => 1, 'unit' => 'web', 'instance' => 2, 'incarnation' => 3, 'max_frame' => 1 << 20];

/** @param array<string, mixed> $fields */
function packed(int $kind, array $fields): string
{
    $body = "\x92" . Encoder::encode($kind) . Encoder::map($fields);

    return \pack('N', \strlen($body)) . $body;
}

final class Peer
{
    /** @param resource $stream */
    public function __construct(public $stream)
    {
        \stream_set_timeout($stream, PATIENCE);
    }

    /** @return array{self, resource} */
    public static function pair(): array
    {
        [$ours, $theirs] = \stream_socket_pair(\STREAM_PF_UNIX, \STREAM_SOCK_STREAM, 0);

        return [new self($ours), $theirs];
    }

    /**
     * A worker in this process that has said hello.
     *
     * @return array{self, Worker}
     */
    public static function withWorker(): array
    {
        [$peer, $theirs] = self::pair();
        $worker = new Worker(new Line($theirs));
        same(HELLO, $peer->hear()[0]);

        return [$peer, $worker];
    }

    public function say(int $kind, mixed ...$fields): void
    {
        $this->write(packed($kind, $fields));
    }

    public function welcome(mixed ...$fields): void
    {
        $this->say(WELCOME, ...$fields + WELCOME_FIELDS);
    }

    public function write(string $bytes): void
    {
        same(\strlen($bytes), \fwrite($this->stream, $bytes));
    }

    /** Hands out a task; without a payload its handle is it. */
    public function task(int $handle, mixed ...$fields): void
    {
        $this->say(TASK, ...$fields + [
            'handle' => $handle, 'id' => "task-$handle", 'attempt' => 1, 'crashes' => 0, 'payload' => $handle,
        ]);
    }

    public function ack(int $handle, int $of): void
    {
        $this->say(ACK, handle: $handle, of: $of);
    }

    /** @return array{int, array<string, mixed>}|null null at the end of the line */
    public function hearOrEnd(): ?array
    {
        $head = $this->exactly(4);
        if ($head === '') {
            return null;
        }
        $body = $this->exactly(\unpack('N', $head)[1]);

        return (new Decoder($body))->value(32);
    }

    /** @return array{int, array<string, mixed>} */
    public function hear(): array
    {
        return $this->hearOrEnd() ?? throw new Failed('the line has ended');
    }

    /** @return list<array{int, array<string, mixed>}> everything up to the end of the line */
    public function hearAll(): array
    {
        for ($heard = []; ($message = $this->hearOrEnd()) !== null; $heard[] = $message);

        return $heard;
    }

    public function close(): void
    {
        \fclose($this->stream);
    }

    private function exactly(int $size): string
    {
        $data = '';
        while (\strlen($data) < $size) {
            $more = @\fread($this->stream, $size - \strlen($data));
            if ($more === '' || $more === false) {
                if (\stream_get_meta_data($this->stream)['timed_out']) {
                    throw new Failed('nothing was said for ' . PATIENCE . ' s');
                }
                same('', $data, 'the line ended in the middle of a frame');
                break;
            }
            $data .= $more;
        }

        return $data;
    }
}

/** A real process with this package, on a line or not. */
final class Child
{
    public readonly Peer $peer;
    /** @var resource */
    private $process;
    /** @var array<int, resource> */
    private array $pipes = [];

    /**
     * @param string|null $fd what HEARKEN_FD says; by default the truth, '' for not set
     * @param list<string> $arguments
     * @param array<string, string> $variables more of the environment
     */
    public function __construct(
        string $code,
        ?string $fd = null,
        string $input = '',
        array $arguments = [],
        array $variables = [],
    ) {
        [$this->peer, $theirs] = Peer::pair();
        $at = 9;
        $environment = $variables + \getenv();
        unset($environment['HEARKEN_FD']);
        if ($fd !== '') {
            $environment['HEARKEN_FD'] = $fd ?? (string) $at;
        }
        $spec = [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']];
        // PHP hands every socket on; a child that held the supervisor's end itself would never see it go.
        foreach (self::sockets() as $number) {
            $spec[$number] = ['file', '/dev/null', 'r'];
        }
        $spec[$at] = $theirs;
        $code = 'require ' . \var_export(\dirname(__DIR__) . '/autoload.php', true) . ';'
            . 'use Hearken\Worker\{Drain, Result, Snooze, Task, Tasks, Worker}; use Hearken\Worker\Failure as F; use Hearken\Worker\Error as E;' . $code;
        $command = [\PHP_BINARY, ...(\php_ini_loaded_file() === false ? ['-n'] : []), '-d', 'display_errors=stderr'];
        $command = [...$command, '-r', $code, '--', ...$arguments];
        $this->process = \proc_open($command, $spec, $this->pipes, null, $environment);
        \fclose($theirs);
        \fwrite($this->pipes[0], $input);
        \fclose($this->pipes[0]);
    }

    public static function main(string $body, ?string $fd = null): self
    {
        return new self("Worker::run(function (Worker \$worker) { $body });", $fd);
    }

    /** A worker of tasks that has said hello and ready, and is welcome. */
    public static function tasks(string $handlers, string $options = 'credits: 4', mixed ...$welcome): self
    {
        $child = new self("Tasks::run($handlers, $options);");
        same([HELLO, READY], [$child->peer->hear()[0], $child->peer->hear()[0]]);
        $child->peer->welcome(...$welcome);

        return $child;
    }

    public function line(): string
    {
        return (string) \fgets($this->pipes[1]);
    }

    public function awaitError(string $line): void
    {
        same($line, (string) \fgets($this->pipes[2]));
    }

    public function terminate(): void
    {
        \proc_terminate($this->process, \SIGTERM);
    }

    /** @return array{int, string, string} exit code (minus the signal), standard output, standard error */
    public function finish(): array
    {
        $out = \stream_get_contents($this->pipes[1]);
        $err = \stream_get_contents($this->pipes[2]);
        // The pipes end with the process, or a moment before: only then does it stop running.
        do {
            $status = \proc_get_status($this->process);
        } while ($status['running']);

        return [$status['signaled'] ? -$status['termsig'] : $status['exitcode'], $out, $err];
    }

    /** @return list<int> the numbers of all sockets of this process */
    private static function sockets(): array
    {
        $isSocket = static fn (string $fd): bool => \str_starts_with((string) @\readlink("/proc/self/fd/$fd"), 'socket:');

        return \array_values(\array_map('intval', \array_filter(\scandir('/proc/self/fd'), $isSocket)));
    }
}
