"""What a user writes, made into one type."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Union

from sluice._reply import HandlerResult, Reply, SettleException, Settlement
from sluice._status import SLOTS, OptionsError

if TYPE_CHECKING:
    from sluice._context import AsyncContext, Context
    from sluice._message import Message

# `def` handlers are called by as many threads as `Options.concurrency` at once, so what they share they must guard;
# `async def` handlers by one event loop on a thread of its own.
Handler = Union[
    "Callable[[Message], HandlerResult]",
    "Callable[[Message, Context], HandlerResult]",
    "Callable[[Message], Awaitable[HandlerResult]]",
    "Callable[[Message, AsyncContext], Awaitable[HandlerResult]]",
]

# A handler as the SDK calls it: always with a context. It is `async def` where the user's is.
Call = Callable[["Message", Any], Any]

# Takes the next call and returns one that does something before and after it, as a decorator does. It must return an
# `async def` function where it is given one (`inspect.iscoroutinefunction`).
Middleware = Callable[[Call], Call]


@dataclass(frozen=True, **SLOTS)
class Compiled:
    """A handler, ready to be called."""

    call: Callable[..., Any]
    takes_context: bool
    is_async: bool


def _positional(function: Callable[..., Any]) -> int:
    """How many arguments it can be given, as far as 2."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # Of a builtin.
        return 1
    kinds = [one.kind for one in parameters]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return 2
    taken = [
        one for one in parameters if one.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    ]
    required = sum(one.default is inspect.Parameter.empty for one in taken)
    if required > 2 or not taken:
        raise OptionsError(f"the handler {function!r} takes {required} arguments; allowed are (message) and (message, context)")
    # A second one with a default is the user's own, unless it is named for what it is.
    return 2 if required == 2 or (len(taken) > 1 and taken[1].name in ("context", "ctx")) else 1


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 (an object whose __call__ is async)
    )


def compile_handler(handler: Callable[..., Any], middleware: Sequence[Middleware]) -> Compiled:
    """Raises OptionsError for what cannot be a handler."""
    if not callable(handler):
        raise OptionsError(f"handler is {handler!r}; allowed is a function of (message) or (message, context)")
    takes_context = _positional(handler) == 2
    is_async = _is_async(handler)
    if not middleware:
        return Compiled(handler, takes_context, is_async)
    call = handler if takes_context else _without_context(handler, is_async)
    for wrap in reversed(middleware):
        call = wrap(call)
        if _is_async(call) != is_async:
            kind = "async def" if is_async else "def"
            raise OptionsError(f"the middleware {wrap!r} must return a `{kind}` function where it is given one")
    return Compiled(call, True, is_async)


def _without_context(handler: Callable[..., Any], is_async: bool) -> Call:
    if is_async:

        async def async_call(message: Message, _context: AsyncContext) -> HandlerResult:
            result: HandlerResult = await handler(message)
            return result

        return async_call

    def call(message: Message, _context: Context) -> HandlerResult:
        result: HandlerResult = handler(message)
        return result

    return call


def to_settlement(result: object) -> Settlement:
    """What a handler returned. Raises TypeError for what is none of HandlerResult."""
    if result is None:
        return Settlement()
    if isinstance(result, Settlement):
        return result
    if isinstance(result, Reply):
        return Settlement(replies=(result,))
    if isinstance(result, (list, tuple)) and all(isinstance(one, Reply) for one in result):
        return Settlement(replies=result)
    raise TypeError(f"the handler returned {type(result).__name__}; allowed are Reply, a list of Reply, Settlement and None")


def from_exception(error: BaseException) -> Settlement:
    """An exception that the handler did not mean as an outcome is a RETRY with its text."""
    if isinstance(error, SettleException):
        return error.settlement
    return Settlement.retry(str(error) or type(error).__name__)
