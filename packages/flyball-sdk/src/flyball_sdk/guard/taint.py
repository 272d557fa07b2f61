"""Taint: what came from outside, or was secret, and now flows into an act.

Three facts carry it. A secret that was read (its value, in every form it may leave in, is known again by a keyed
digest). A value that only a tool's answer named. And what the user asked for, in the user's own words: an address, an
account or a host that neither the user named nor can be told from what the user named was chosen by something that the
agent read.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, unquote

from flyball_sdk.guard.adapters.generic import words_of
from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.decision import Decision
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.hosts import kind_of
from flyball_sdk.guard.linear import Pattern
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.session import Session, Step
from flyball_sdk.redact import secrets_in

# What is looked at of an answer, and of a call.
OUTPUT_CHARS_MAX = 256 * 1024
VALUES_MAX = 2_000
SECRET_CHARS_MIN = 8
ACCOUNT_DIGITS_MIN = 9
NAME_CHARS_MIN = 3
# the same call so often in a row is told as a loop
STREAK_TOLD = 4
_SINKS = frozenset(
    {"net.egress", "net.fetch", "message.send", "record.change", "money.transfer", "access.grant"}
)
_CHANGES = frozenset({"message.send", "record.change", "record.delete", "money.transfer", "access.grant"})
# An account, an address, a host: values that decide who gets something. IBAN by ISO 13616, addresses by RFC 5321.
_IDENTITY = Pattern(
    r"\b[A-Z]{2}\d{2}[A-Z0-9]{10,30}\b|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?://)?(?:www\.)?(?:[\w-]+\.)+[a-z]{2,12}\b(?:/[\w./?=&%#~-]*)?|\b(?:0x[0-9a-fA-F]{40}|bc1[a-z0-9]{25,60}|[13][a-km-zA-HJ-NP-Z1-9]{25,34})\b|\+?\d[\d ()-]{8,}\d"
)
_PIECE = re.compile(r"[^\s\"'`=,;:{}()\[\]<>|&]+")
_FILE_NAME = re.compile(
    r"\.(?:txt|md|py|js|ts|json|ya?ml|csv|pdf|docx?|xlsx?|pptx?|png|jpe?g|html?|toml|ini|log|sh|zip)$",
    re.IGNORECASE,
)


def flows(scene: Scene, effects: Sequence[Effect]) -> list[Effect]:
    """Effects `taint.flow`: which act carries what, from which step of the session."""
    sinks = [
        effect
        for effect in effects
        if effect.act in _SINKS and effect.get("kind") not in ("loopback", "inside")
    ]
    found: list[Effect] = []
    if sinks:
        found += _secrets_here(sinks, effects)
        if scene.session.secret_reads:
            found += _secrets_before(scene, sinks)
    if scene.call.context.goal and scene.session.outside:
        found += _unasked(scene, effects)
    if scene.session.streak >= STREAK_TOLD and scene.session.last == scene.call.digest():
        found.append(Effect("loop.repeat", scene.call.tool_name, {"count": scene.session.streak + 1}))
    return found


def _flow(source: str, sink: Effect, path: Sequence[str], confidence: float = 1.0) -> Effect:
    attributes: dict[str, Any] = {
        "source": source,
        "into": sink.act,
        "path": tuple(path),
        "host": sink.get("host"),
    }
    return Effect(
        "taint.flow",
        " -> ".join((*path, sink.what or sink.act)),
        attributes,
        sink.target,
        sink.span,
        sink.found_in,
        sink.via,
        confidence,
    )


def _secrets_here(sinks: Sequence[Effect], effects: Sequence[Effect]) -> Iterator[Effect]:
    """A secret that is read and sent by the same call."""
    reads = [one for one in effects if one.act == "secret.read" and one.get("kind") in ("critical", "env")]
    if not reads:
        return
    for sink in sinks:
        if sink.act != "net.fetch" and (
            sink.get("files") or sink.get("fed") or sink.get("unknown") or sink.get("raw")
        ):
            yield _flow("secret", sink, [f"reads {reads[0].what}"])


def _secrets_before(scene: Scene, sinks: Sequence[Effect]) -> Iterator[Effect]:
    """A secret that an earlier call read: by its value, or by where it goes."""
    session = scene.session
    step = _carried(scene.call, session)
    for sink in sinks:
        host = str(sink.get("host") or "")
        chosen = session.untrusted.get(session.mark(host)) if host else None
        if step:
            yield _flow("secret", sink, [str(one) for one in (chosen, step) if one])
        elif (
            chosen
            and sink.act == "net.egress"
            and (sink.get("unknown") or sink.get("fed") or sink.get("files"))
        ):
            yield _flow("secret", sink, [str(chosen), str(session.secret_reads[-1])], 0.8)


def _carried(call: ToolCall, session: Session) -> Step | None:
    """The step that read a secret which this call's input holds, in clear or encoded."""
    if not session.secret_values:
        return None
    for text in _texts(call.tool_input):
        for piece in _pieces(text):
            step = session.secret_values.get(session.mark(piece))
            if step:
                return step
    return None


def _pieces(text: str) -> Iterator[str]:
    left = VALUES_MAX
    for found in _PIECE.finditer(text):
        left -= 1
        if left < 0:
            return
        piece = found[0]
        if len(piece) >= SECRET_CHARS_MIN:
            yield piece
            for part in re.split(r"[/?#@]", piece) if "/" in piece or "?" in piece or "@" in piece else ():
                if len(part) >= SECRET_CHARS_MIN:
                    yield part
                    yield unquote(part)


def _texts(value: Any, left: int = VALUES_MAX) -> Iterator[str]:
    todo = [value]
    while todo and left > 0:
        left -= 1
        one = todo.pop()
        if isinstance(one, str):
            yield one[:OUTPUT_CHARS_MAX]
        elif isinstance(one, dict):
            todo.extend(one.values())
        elif isinstance(one, (list, tuple)):
            todo.extend(one)


def _unasked(scene: Scene, effects: Sequence[Effect]) -> Iterator[Effect]:
    """An act on an account, address or host that the user did not name, or that the user did not ask for."""
    acts = [effect for effect in effects if effect.act in _CHANGES]
    if not acts:
        return
    goal = scene.call.context.goal.lower()
    # "invite her, you can find her e-mail on her website": the user asked for the act and said where the address stands
    delegated = (
        words_of(scene.call.tool_name)[:1]
        and words_of(scene.call.tool_name)[0] in goal
        and _DELEGATES.search(goal)
    )
    for text in _texts(dict(scene.call.tool_input)):
        for found in _IDENTITY.finditer(text):
            value = (found[0] or "").rstrip("/.")
            if not _named(value, goal) and not (delegated and "@" in value):
                source = scene.session.untrusted.get(scene.session.mark(value)) or scene.session.outside[-1]
                yield _flow("untrusted", acts[0], [str(source), f"chooses {value[:60]}"])
                return
    for effect in acts:
        if _needs_asking(scene.call) and not _asked_for(scene.call, goal):
            yield _flow("untrusted", effect, [str(scene.session.outside[-1]), "nobody asked for it"])
            return


_DELEGATES = re.compile(
    r"\b(?:find|look up|take)\b[^.]{0,30}\b(?:e-?mails?|address(?:es)?|details|contacts?)\b"
)


def _named(value: str, goal: str) -> bool:
    """Whether the user named this value, or a part that decides it: `dora@shop.example` of Dora."""
    low = value.lower()
    bare = low.removeprefix("https://").removeprefix("http://").removeprefix("www.")
    if (
        low in goal
        or bare in goal
        or _FILE_NAME.search(low)
        or (not re.sub(r"\D", "", low) and "." not in low and "@" not in low)
    ):
        return True
    if (
        re.fullmatch(r"[\d .:/-]+", low) and len(re.sub(r"\D", "", low)) < ACCOUNT_DIGITS_MIN
    ):  # a date or an amount
        return True
    if "@" in low:
        names = [part for part in re.split(r"[^a-z]+", low.partition("@")[0]) if len(part) >= NAME_CHARS_MIN]
        words = set(re.findall(r"[a-z]+", goal))
        return any(
            name in words or any(len(word) > NAME_CHARS_MIN and name.startswith(word) for word in words)
            for name in names
        )
    return False


# acts that nobody does in passing: the user has to have asked for them, in one of these words
_ASKED = {
    "password": ("password", "passwd", "credential", "login"),
    "remove": ("remove", "delete", "kick", "drop", "unsubscribe", "cancel", "clear", "clean", "get rid"),
    "delete": (
        "delete",
        "remove",
        "drop",
        "erase",
        "clear",
        "clean",
        "cancel",
        "get rid",
        "discard",
        "trash",
    ),
    "grant": ("grant", "permission", "access", "share", "allow", "invite"),
    "share": ("share", "access", "send", "give", "invite"),
    "cancel": ("cancel", "delete", "remove", "drop", "call off"),
}


def _needs_asking(call: ToolCall) -> bool:
    name = call.tool_name.lower()
    return any(word in name for word in _ASKED)


def _asked_for(call: ToolCall, goal: str) -> bool:
    name = call.tool_name.lower()
    return all(any(word in goal for word in words) for key, words in _ASKED.items() if key in name)


def remember(session: Session, call: ToolCall, decision: Decision) -> None:
    """Take a call that goes on into the session: the files it writes, and that it was made."""
    for path, text in decision.written.items():
        session.wrote(path, text)
    session.made(call.digest())


def observe(session: Session, call: ToolCall, decision: Decision, output: str) -> None:
    """Take what a tool answered into the session: secrets it showed, values from outside.

    Args:
        session: is changed.
        call: what was called.
        decision: what the evaluator said of it (its effects tell what was read).
        output: what the tool answered; at most `OUTPUT_CHARS_MAX` of it are looked at.
    """
    text = output[:OUTPUT_CHARS_MAX]
    session.forgotten += len(output) > OUTPUT_CHARS_MAX
    call_id = call.context.tool_call_id
    reads = [effect for effect in decision.effects if effect.act == "secret.read"]
    shown = secrets_in(text)
    if reads or shown:
        what = f"reads {reads[0].what}" if reads else "shows a credential"
        values = {
            form for value in (*shown, *(_likely_secrets(text) if reads else ())) for form in _forms(value)
        }
        session.note_secret(Step(call_id, call.tool_name, what), values)
    if _from_outside(call, decision):
        values = [(found[0] or "").rstrip("/.") for found in _IDENTITY.finditer(text)][:VALUES_MAX]
        hosts = [value.partition("://")[2].partition("/")[0] or value.partition("/")[0] for value in values]
        session.note_outside(Step(call_id, call.tool_name, "answers from outside"), (*values, *hosts))


def _from_outside(call: ToolCall, decision: Decision) -> bool:
    acts = {effect.act for effect in decision.effects}
    if "net.fetch" in acts or "net.egress" in acts:
        return any(
            kind_of(str(effect.get("host") or "")) in ("outside", "unknown", "inside")
            for effect in decision.effects
            if effect.act.startswith("net.")
        )
    return call.tool_name not in _OWN_TOOLS and not acts & _CHANGES


# a coding agent's own tools answer with what is on this machine
_OWN_TOOLS = frozenset(
    {
        "Bash",
        "bash",
        "exec_command",
        "shell",
        "Write",
        "Edit",
        "MultiEdit",
        "NotebookEdit",
        "Glob",
        "LS",
        "TodoWrite",
        "apply_patch",
        "update_plan",
    }
)


def _likely_secrets(text: str) -> Iterator[str]:
    left = VALUES_MAX
    for found in _PIECE.finditer(text):
        piece = found[0]
        if len(piece) >= SECRET_CHARS_MIN and not piece.startswith(("-----", "http://", "https://", "/")):
            left -= 1
            if left < 0:
                return
            yield piece


def _forms(value: str) -> Iterator[str]:
    """A secret in the forms it may leave in: as it is, encoded, reversed."""
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield quote(raw, safe="")
    yield value[::-1]
    yield raw.hex()
    for encoded in (
        base64.b64encode(raw),
        base64.urlsafe_b64encode(raw),
        base64.b64encode(raw + b"\n"),
        base64.b32encode(raw),
    ):
        yield encoded.decode()
        yield encoded.decode().rstrip("=")
