<?php

declare(strict_types=1);

namespace Hearken\Worker\Task;

use Hearken\Worker\Failure\Invalid;
use Hearken\Worker\Task;

/** Which function a task goes to. */
final class Handlers
{
    /** The handler of tasks without a type, where there are several. */
    private const DEFAULT = 'default';

    private readonly ?\Closure $forAll;
    /** @var array<string, \Closure(Task): mixed> */
    private readonly array $byType;

    /** @param callable(Task): mixed|array<string, callable(Task): mixed> $handlers */
    public function __construct(callable|array $handlers)
    {
        $forAll = null;
        $byType = [];
        if (\is_callable($handlers)) {
            $forAll = \Closure::fromCallable($handlers);
        } else {
            foreach ($handlers as $type => $handler) {
                \is_callable($handler) ?: throw new \InvalidArgumentException(\sprintf(
                    "the handler of '%s' is %s, not a function; give each type of task a callable",
                    $type,
                    \get_debug_type($handler),
                ));
                $byType[$type] = \Closure::fromCallable($handler);
            }
            $byType !== [] ?: throw new \InvalidArgumentException('no handlers: give one function, or one for each type of task');
        }
        $this->forAll = $forAll;
        $this->byType = $byType;
    }

    /**
     * What `hello` says: the types this worker takes, if it tells several apart.
     *
     * @param callable(Task): mixed|array<string, callable(Task): mixed> $handlers
     * @return list<string>|null
     */
    public static function types(callable|array $handlers): ?array
    {
        // PHP turns the key "7" into the integer 7; types are text.
        return \is_callable($handlers) || \count($handlers) < 2 ? null : \array_map('strval', \array_keys($handlers));
    }

    /**
     * @return \Closure(Task): mixed
     * @throws Invalid
     */
    public function of(?string $type): \Closure
    {
        if ($this->forAll !== null) {
            return $this->forAll;
        }
        $handler = match (true) {
            $type !== null => $this->byType[$type] ?? null,
            \count($this->byType) === 1 => \array_values($this->byType)[0],
            default => $this->byType[self::DEFAULT] ?? null,
        };

        return $handler ?? throw new Invalid(
            ($type === null ? 'a task without a type' : "no handler for tasks of type '$type'")
            . '; this worker takes ' . \implode(', ', \array_keys($this->byType)),
            code: 'task.type_unknown',
        );
    }
}
