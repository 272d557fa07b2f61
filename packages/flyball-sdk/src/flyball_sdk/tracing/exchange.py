"""One call of a model, whatever client makes it: a span around it, its answer read, and judged before the app has it.

A response is judged as a whole. Of a stream everything up to the first tool call passes as it comes; what follows is held
back until the response is complete and judged. Then it is handed out, or `GuardBlocked` is raised and none of it is.
Nothing else of ours is raised into the app.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind

from flyball_sdk import semconv
from flyball_sdk.tracing import content, digests
from flyball_sdk.tracing.dialect import Answer, Dialect, Reader, present
from flyball_sdk.tracing.pending import Requested
from flyball_sdk.tracing.runtime import AGENT_SPAN, Runtime, end, inside, safely, start, within

if TYPE_CHECKING:  # a guard's parsers are an extra: what judges is loaded by who attached one
    from flyball_sdk.guard.guard import Guard
    from flyball_sdk.tracing.judging import Batch, Bench

HELD_CHUNKS_MAX = 100_000
"""Chunks of a stream that are held back; under a guard, calls of a longer one may not run."""


class Exchange:
    """One model call in the making."""

    def __init__(
        self,
        runtime: Runtime,
        dialect: Dialect,
        body: Mapping[str, Any],
        model: str,
        provider: str,
        server: dict[str, Any] | None = None,
    ) -> None:
        """Open its span; nothing is raised."""
        self.runtime = runtime
        self.dialect = dialect
        self.body: dict[str, Any] = dict(body)
        self.context: Context = otel_context.get_current()
        self.streams = body.get("stream") is True
        self.reader = dialect.reader() if self.streams else None
        self.busy = False
        self._began = time.perf_counter()
        self._done = False
        self._holding = False
        self._held: list[Any] = []
        self._unread = False
        self.span: Span = safely(lambda: self._open(model, provider, server or {}), INVALID_SPAN)
        self.guarded = runtime.guard is not None and runtime.guard.enforces

    def _open(self, model: str, provider: str, server: dict[str, Any]) -> Span:
        told = self.dialect.told(self.body)
        attributes: dict[str, Any] = {
            semconv.GEN_AI_PROVIDER_NAME: provider,
            semconv.FLYBALL_CONFIG_DIGEST: digests.of_configuration(told.system, told.tools, told.settings),
            **present({semconv.GEN_AI_REQUEST_MODEL: model, **server}),
            **present(self.dialect.request(self.body)),
        }
        if self.streams:
            attributes[semconv.GEN_AI_REQUEST_STREAM] = True
        agent = self.context.get(AGENT_SPAN)
        if isinstance(agent, Span):
            agent.set_attribute(semconv.GEN_AI_PROVIDER_NAME, provider)
        span = start(self.runtime, f"chat {model}".strip(), "chat", SpanKind.CLIENT, attributes, self.context)
        if self.runtime.capture_content and span.is_recording():
            self._hear(span, told.tools)
        return span

    def _hear(self, span: Span, tools: Any) -> None:
        system, heard = self.dialect.heard(self.body)
        if system:
            span.set_attribute(semconv.GEN_AI_SYSTEM_INSTRUCTIONS, content.messages(system))
        span.set_attribute(semconv.GEN_AI_INPUT_MESSAGES, content.messages(heard))
        if isinstance(tools, (list, tuple)) and tools:
            span.set_attribute(semconv.GEN_AI_TOOL_DEFINITIONS, content.messages(list(tools)))

    # -- around the client ---------------------------------------------------------------------------------------

    def call(self, send: Callable[[], Any]) -> Any:
        """Run the client's own function within the span."""
        self._observe()
        token = inside.set(True)
        try:
            with within(trace.set_span_in_context(self.span, self.context)):
                return send()
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            inside.reset(token)

    async def acall(self, send: Callable[[], Any]) -> Any:
        """The same, awaited."""
        await self._apart(self._observe)
        token = inside.set(True)
        try:
            with within(trace.set_span_in_context(self.span, self.context)):
                return await send()
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            inside.reset(token)

    def _observe(self) -> None:
        """What tools answered stands in the request: the guard learns of it before it judges what comes back."""
        guard = self.runtime.guard
        if guard is not None:
            from flyball_sdk.tracing.judging import observe  # noqa: PLC0415

            safely(lambda: observe(self.runtime, guard, self.dialect.results(self.body)), None)

    # -- a whole response ----------------------------------------------------------------------------------------

    def received(self, response: Any) -> Any:
        """The response, judged.

        Raises:
            GuardBlocked: some of what it asks for may not run.
        """
        answer, batch = self._judged(response)
        self._finish(answer)
        if batch is not None and batch.stopped:
            raise self._blocked(batch, response)
        return response

    async def areceived(self, response: Any) -> Any:
        """The same where a loop runs: what asks a server does so in a thread."""
        return await self._apart(lambda: self.received(response))

    async def _apart(self, act: Callable[[], Any]) -> Any:
        """Run it in a thread if a guard's server is asked and asyncio runs here, else where we are."""
        if self.runtime.guard is None or self.runtime.guard.server is None:
            return act()
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # another loop than asyncio's
            return act()
        return await asyncio.to_thread(act)

    def _read(self, response: Any) -> Answer:
        answer = self.dialect.answer(response)
        for asked in answer.calls:
            asked.digest = self.runtime.digests.of_arguments(asked.name, asked.arguments)
        return answer

    def _judged(self, response: Any) -> tuple[Answer | None, Batch | None]:
        answer = safely(lambda: self._read(response), None)
        guard = self.runtime.guard
        if guard is None:
            safely(lambda: self._link(answer), None)
            return answer, None
        bench = self._bench(guard)
        calls = answer.calls if answer is not None else []
        if answer is None or self._unread:
            return answer, bench.refuse_all(calls, "the response could not be read")
        if calls:
            bench.goal = safely(lambda: self.dialect.goal(self.body), "")
        batch = safely(lambda: bench.judge(calls), None)
        return answer, batch or bench.refuse_all(calls, "the response could not be judged")

    def _bench(self, guard: Guard) -> Bench:
        from flyball_sdk.tracing.judging import Bench  # noqa: PLC0415

        return Bench(runtime=self.runtime, guard=guard, context=self.context, span=self.span)

    def _link(self, answer: Answer | None) -> None:
        trace_id = self.span.get_span_context().trace_id
        for asked in answer.calls if answer else []:
            self.runtime.pending.add(Requested(asked.call_id, asked.digest, trace_id, self.context))

    def _blocked(self, batch: Batch, response: Any) -> Exception:
        from flyball_sdk.guard.guard import GuardBlocked  # noqa: PLC0415

        first = next(decision for decision in batch.decisions if decision.stopped)
        results = safely(lambda: batch.results(self.dialect), [])
        given = None if batch.unread else response
        return GuardBlocked(first, response=given, decisions=batch.decisions, results=results)

    def unread(self, result: Any) -> Any:
        """The app reads the response's bytes itself, which nobody here sees: the span is the request's alone.

        Raises:
            GuardBlocked: a guard that enforces and fails closed lets nothing through that it cannot read.
        """
        guard = self.runtime.guard
        batch = None
        if guard is not None:
            batch = self._bench(guard).refuse_all(
                [], "the app reads this response itself, so the guard cannot"
            )
        self._finish(None)
        if batch is not None and batch.stopped:
            raise self._blocked(batch, result)
        return result

    # -- a stream ------------------------------------------------------------------------------------------------

    def stream(self, chunks: Iterator[Any]) -> Iterator[Any]:
        """The chunks of a stream, the tools in them judged."""
        try:
            while True:
                self.busy = True
                chunk = next(chunks, self)
                self.busy = False
                if chunk is self:
                    break
                if not self._hold(chunk):
                    yield chunk
            self._complete()
        except GeneratorExit:
            self.abandon()
            raise
        except BaseException as error:
            self.busy = False
            self.fail(error)
            raise
        yield from self._held

    async def astream(self, chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The same, awaited."""
        try:
            while True:
                self.busy = True
                try:
                    chunk = await chunks.__anext__()
                except StopAsyncIteration:
                    break
                finally:
                    self.busy = False
                if not self._hold(chunk):
                    yield chunk
            await self._apart(self._complete)
        except GeneratorExit:
            self.abandon()
            raise
        except BaseException as error:
            self.fail(error)
            raise
        for chunk in self._held:
            yield chunk

    def _hold(self, chunk: Any) -> bool:
        """Read a chunk; whether it is held back."""
        reader = self.reader
        if reader is None:
            return False
        if self._began:
            waited, self._began = time.perf_counter() - self._began, 0.0
            if self.span.is_recording():
                self.span.set_attribute(semconv.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, waited)
        asks = safely(lambda: reader.feed(chunk), None)
        self._unread = self._unread or asks is None  # what cannot be read might ask for a tool
        self._holding = self._holding or (asks is not False and self.guarded)
        if not self._holding:
            return False
        if len(self._held) < HELD_CHUNKS_MAX:
            self._held.append(chunk)
        else:
            self._unread = True
        return True

    def _complete(self) -> None:
        """The stream is at its end: judge what it asked for.

        Raises:
            GuardBlocked: some of it may not run.
        """
        reader = self.reader
        response = safely(reader.response, None) if reader else None
        answer, batch = self._judged(response)
        self._finish(answer)
        guard = self.runtime.guard
        if batch is None or reader is None or guard is None:
            return
        judged = batch
        if not batch.stopped and not safely(lambda: self._rewrite(reader, judged), False):
            batch = self._bench(guard).refuse_all(
                batch.calls, "what a rule modifies could not be put in its place"
            )
        if batch.stopped:
            self._held = []
            raise self._blocked(batch, safely(lambda: self.dialect.typed(response or {}), response))

    def _rewrite(self, reader: Reader, batch: Batch) -> bool:
        for asked, decision in zip(batch.calls, batch.decisions, strict=True):
            if decision.action == "modify" and asked.arguments is not None:
                reader.rewrite(self._held, asked, json.dumps(dict(asked.arguments)))
        return True

    # -- the end -------------------------------------------------------------------------------------------------

    def _finish(self, answer: Answer | None) -> None:
        if not self._done:
            self._done = True
            safely(lambda: self._describe(answer), None)
            safely(lambda: end(self.runtime, self.span), None)

    def fail(self, error: BaseException) -> None:
        """The call ended in an error; of a stream what came until then is told."""
        if self._done:
            return
        self._done = True
        self._held = []
        reader = self.reader
        if reader is not None and not self._began:
            safely(lambda: self._describe(self._read(reader.response()), asked=False), None)
        safely(lambda: end(self.runtime, self.span, error), None)

    def abandon(self) -> None:
        """The app stopped reading a stream: what came until then is told, and no tool of it was handed out."""
        reader = self.reader
        if not self._done and not self.busy and reader is not None:
            self._held = []
            self._finish(safely(lambda: self._read(reader.response()), None))

    def _describe(self, answer: Answer | None, *, asked: bool = True) -> None:
        if answer is None or not self.span.is_recording():
            return
        self.span.set_attributes(present(answer.attributes))
        for one in answer.calls if asked else []:
            self.span.add_event(
                semconv.FLYBALL_TOOL_REQUESTED,
                present(
                    {
                        semconv.GEN_AI_TOOL_NAME: one.name,
                        semconv.GEN_AI_TOOL_CALL_ID: one.call_id,
                        semconv.FLYBALL_TOOL_ARGUMENTS_DIGEST: one.digest,
                    }
                ),
            )
        if self.runtime.capture_content:
            self.span.set_attribute(semconv.GEN_AI_OUTPUT_MESSAGES, content.messages(answer.said()))
