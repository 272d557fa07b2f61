"""A stretch of an app's code: a function's run, or a `with` block, with a context of its own.

Functions keep what they are: sync, async, generators of both kinds. A generator's code runs within the scope, its
caller's code between two values does not.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from flyball_sdk.tracing.runtime import within

if TYPE_CHECKING:
    from typing import Self


class Scope(Protocol):
    """One run."""

    context: Context

    def close(self, error: BaseException | None = None, result: Any = None) -> None:
        """The run is over."""
        ...


Opener = Callable[
    [Callable[..., Any], tuple[Any, ...], dict[str, Any]], "tuple[Scope, tuple[Any, ...], dict[str, Any]]"
]
"""Opens the scope of a call of a function, and says with which arguments it runs."""


def wrap(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    """The function, each call of it in a scope."""
    kinds = (
        (inspect.isasyncgenfunction, _agenerating),
        (inspect.isgeneratorfunction, _generating),
        (inspect.iscoroutinefunction, _awaiting),
    )
    kind = next((make for fits, make in kinds if fits(function)), _calling)
    return functools.wraps(function)(kind(function, opener))


def _agenerating(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    async def generated(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        scope, args, kwargs = opener(function, args, kwargs)
        inner: AsyncGenerator[Any, Any] = function(*args, **kwargs)
        step: Callable[[], Any] = inner.__anext__
        try:
            while True:
                try:
                    with within(scope.context):
                        value = await step()
                except StopAsyncIteration:
                    scope.close()
                    return
                try:
                    step = functools.partial(inner.asend, (yield value))
                except GeneratorExit:
                    with within(scope.context):
                        await inner.aclose()
                    scope.close()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed on to whom it was thrown at
                    step = functools.partial(inner.athrow, thrown)
        except GeneratorExit:
            raise
        except BaseException as error:
            scope.close(error)
            raise

    return generated


def _generating(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    def generated(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        scope, args, kwargs = opener(function, args, kwargs)
        return (yield from _steps(scope, function(*args, **kwargs)))

    return generated


def _awaiting(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        scope, args, kwargs = opener(function, args, kwargs)
        try:
            with within(scope.context):
                result = await function(*args, **kwargs)
        except BaseException as error:
            scope.close(error)
            raise
        scope.close(result=result)
        return result

    return awaited


def _calling(function: Callable[..., Any], opener: Opener) -> Callable[..., Any]:
    def called(*args: Any, **kwargs: Any) -> Any:
        scope, args, kwargs = opener(function, args, kwargs)
        try:
            with within(scope.context):
                result = function(*args, **kwargs)
        except BaseException as error:
            scope.close(error)
            raise
        scope.close(result=result)
        return result

    return called


def _steps(scope: Scope, inner: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Hand on values, what is sent and what is thrown; only the generator's own code runs within the scope."""
    step: Callable[[], Any] = functools.partial(next, inner)
    try:
        while True:
            try:
                with within(scope.context):
                    value = step()
            except StopIteration as done:
                scope.close(result=done.value)
                return done.value
            try:
                step = functools.partial(inner.send, (yield value))
            except GeneratorExit:
                with within(scope.context):
                    inner.close()
                scope.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 - handed on to whom it was thrown at
                step = functools.partial(inner.throw, thrown)
    except GeneratorExit:
        raise
    except BaseException as error:
        scope.close(error)
        raise


class Block:
    """A scope as a `with` block, sync or async; `open` makes it when the block is entered."""

    def __init__(self, opening: Callable[[], Scope]) -> None:
        """Nothing is opened yet."""
        self._opening = opening
        self._scope: Scope | None = None
        self._token: Any = None
        self._result: Any = None

    def result(self, value: Any) -> None:
        """What the block's work came to."""
        self._result = value

    def __enter__(self) -> Self:
        """Open the scope."""
        self._scope = self._opening()
        self._token = otel_context.attach(self._scope.context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        if self._scope is not None:
            otel_context.detach(self._token)
            self._scope.close(error, self._result)
            self._scope = None

    async def __aenter__(self) -> Self:
        """Open the scope."""
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.__exit__(kind, error, trace)
