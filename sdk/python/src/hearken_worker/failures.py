"""How work fails, as exceptions: raise one and the supervisor knows what to do next.

Every class is one `kind` of the protocol and the exit code a plain program would end with. `kind` decides what
happens (retry, wait, give up); `code` is yours, dotted, for rules in the config: `Transient("…", code="db.deadlock")`.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional


class Failure(Exception):
    """The base of all failures. Raise one of the classes below, or a subclass of your own.

    What every error of a subclass shares may stand in the class: `class Deadlock(Transient): code = "db.deadlock"`.
    """

    kind = "bug"
    exit_code = 70
    #: What is said when you give no message.
    says = "the program failed"
    #: Which failure exactly, dotted. Without one: the kind, or the name of your subclass.
    code: Optional[str] = None
    #: Seconds: another try is not worth it before.
    after: Optional[float] = None
    retryable: Optional[bool] = None
    #: How far it reaches: task, worker, dependency or service.
    scope: Optional[str] = None
    dependency: Optional[str] = None
    details: Optional[Mapping[str, Any]] = None

    def __init__(
        self,
        message: str = "",
        *,
        code: Optional[str] = None,
        after: Optional[float] = None,
        retryable: Optional[bool] = None,
        scope: Optional[str] = None,
        dependency: Optional[str] = None,
        details: Optional[Mapping[str, Any]] = None,
    ) -> None:
        super().__init__(message or self.says)
        given = {
            "code": code,
            "after": after,
            "retryable": retryable,
            "scope": scope,
            "dependency": dependency,
            "details": details,
        }
        for name, value in given.items():
            if value is not None:
                setattr(self, name, value)


class Transient(Failure):
    """It failed this time; the same again may work."""

    kind, exit_code, says = "transient", 75, "failed for now"


Retryable = Transient


class Timeout(Failure):
    """Something took too long."""

    kind, exit_code, says = "timeout", 75, "took too long"


class RateLimited(Failure):
    """A service asks us to slow down: not before `after` seconds. Costs no attempt."""

    kind, exit_code, says = "rate_limited", 75, "rate limited"


class Unavailable(Failure):
    """Something this program needs cannot be reached; name it in `dependency`."""

    kind, exit_code, says = "unavailable", 69, "a dependency is unavailable"


class Conflict(Failure):
    """Somebody else was faster (a lock, a version)."""

    kind, exit_code, says = "conflict", 75, "in conflict with another change"


class Resource(Failure):
    """This process ran out of something (memory, disk, descriptors); another one may do better."""

    kind, exit_code, says = "resource", 71, "out of a resource"


class WorkerBroken(Resource):
    """This process is of no use any more. The task goes to another worker, and this one is replaced."""

    says, code, scope = "this worker is broken", "worker.broken", "worker"


class Invalid(Failure):
    """The input is wrong and stays wrong. Never retried."""

    kind, exit_code, says = "invalid", 65, "invalid input"


class NotFound(Failure):
    """What the work is about does not exist. Never retried."""

    kind, exit_code, says = "not_found", 66, "not found"


class Denied(Failure):
    """The work is not permitted. Never retried."""

    kind, exit_code, says = "denied", 77, "not permitted"


class Fatal(Failure):
    """No further try helps until a person acts.

    Of a service: it is set up wrongly, and stays down. Of a task: that task is given up (`invalid`, not retryable), and
    neither its worker nor the pool is touched.
    """

    kind, exit_code, says = "config", 78, "it cannot work until somebody acts"


class Bug(Failure):
    """A mistake in the program. Every exception that is not a `Failure` is told as this."""

    kind, exit_code, says = "bug", 70, "a bug"


class Cancelled(Failure):
    """The work was given up because it was asked to."""

    kind, exit_code, says = "cancelled", 75, "cancelled"
