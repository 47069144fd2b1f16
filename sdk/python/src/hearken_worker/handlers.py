"""Which function does which tasks."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, TypeVar, Union

from .failures import Invalid
from .task import Task

#: Does a task: returns its result, any value, bytes or a `Result`; raises a `Failure` or `Snooze`.
Handler = Callable[[Task], Any]
OneOrMore = Union[Handler, Mapping[str, Handler]]
AnyHandler = TypeVar("AnyHandler", bound=Handler)

#: The handler of tasks without a type, where there are several.
DEFAULT = "default"


class Handlers(Dict[str, Handler]):
    """A map of types to handlers that can be filled with a decorator: `@handlers.on("resize")`."""

    def on(self, type: str) -> Callable[[AnyHandler], AnyHandler]:
        """Let the decorated function do the tasks of this type."""

        def take(handler: AnyHandler) -> AnyHandler:
            self[type] = handler
            return handler

        return take


class Routes:
    """Finds the handler of a task."""

    def __init__(self, handlers: OneOrMore) -> None:
        """One function for all types, or a map. Raises TypeError or ValueError if it is neither."""
        self._any: Optional[Handler] = None
        self._named: Dict[str, Handler] = {}
        if isinstance(handlers, Mapping):
            if not handlers:
                raise ValueError("a worker without a handler can do nothing; give it a function")
            self._named = dict(handlers)
        else:
            self._any = handlers
        for type, handler in [*self._named.items(), *([] if self._named else [(DEFAULT, handlers)])]:
            if not isinstance(type, str) or not callable(handler):
                raise TypeError(f"the handler of {type!r} is {handler!r}; a map of names to functions is wanted")

    @property
    def types(self) -> Optional[List[str]]:
        """What the supervisor is told: the names, if there are several."""
        return list(self._named) if len(self._named) > 1 else None

    def find(self, type: Optional[str]) -> Handler:
        """The handler, or `Invalid` with the code `task.type_unknown`."""
        if self._any is not None:
            return self._any
        if type is None and len(self._named) == 1:
            return next(iter(self._named.values()))
        handler = self._named.get(DEFAULT if type is None else type)
        if handler is None:
            asked = "tasks without a type" if type is None else f"tasks of type {type!r}"
            known = ", ".join(sorted(self._named))
            raise Invalid(f"this worker has no handler for {asked}, only for {known}", code="task.type_unknown")
        return handler
