<?php

declare(strict_types=1);

namespace Hearken\Worker\Failure;

/**
 * How work fails, as exceptions: throw one and the supervisor knows what to do next.
 *
 * Every class is one `kind` of the protocol and the exit code a plain program would end with. `kind` decides what
 * happens (retry, wait, give up); `code` is yours, dotted, for rules in the config:
 * `throw new Transient('two orders at once', code: 'db.deadlock')`. What every error of a subclass shares may stand in
 * the class: `final class Deadlock extends Transient { protected $code = 'db.deadlock'; }`.
 */
abstract class Failure extends \RuntimeException
{
    public const KIND = 'bug';
    public const EXIT_CODE = 70;
    /** What is said when you give no message. */
    public const SAYS = 'the program failed';

    /** Seconds: another try is not worth it before. */
    public ?float $after = null;
    public ?bool $retryable = null;
    /** How far it reaches: task, worker, dependency or service. */
    public ?string $scope = null;
    public ?string $dependency = null;
    /** @var array<string, mixed>|null */
    public ?array $details = null;

    /** @param array<string, mixed>|null $details */
    public function __construct(
        string $message = '',
        ?float $after = null,
        ?string $code = null,
        ?bool $retryable = null,
        ?string $scope = null,
        ?string $dependency = null,
        ?array $details = null,
        ?\Throwable $previous = null,
    ) {
        parent::__construct($message === '' ? static::SAYS : $message, 0, $previous);
        $this->after = $after ?? $this->after;
        // As PDOException does: a code of text in the untyped property of Exception.
        $this->code = $code ?? $this->code;
        $this->retryable = $retryable ?? $this->retryable;
        $this->scope = $scope ?? $this->scope;
        $this->dependency = $dependency ?? $this->dependency;
        $this->details = $details ?? $this->details;
    }
}
