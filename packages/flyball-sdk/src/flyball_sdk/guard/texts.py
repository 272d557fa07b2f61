"""Texts that give orders to a model, talk it out of its rules, or hold personal data: signals, never proof.

What a text says does not stop an injection (a fifth of held-out ones is caught by any list of words); what it would
bring about does. So these are effects that rules audit, and facts that a diagnosis can point to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.linear import Pattern

CHARS_MAX = 64 * 1024
# a text that quotes such phrases to speak of them is short
TALK_CHARS_MAX = 1_000
_INJECTION = Pattern(
    r"(?is)\b(?:ignore|disregard|forget|override|overlook|bypass|skip|neglect|drop|do not follow|don't follow|stop following|pay no attention to)\b[^.!?\n]{0,40}"
    r"\b(?:previous|prior|above|earlier|preceding|foregoing|all|any|everything|your|initial|original|existing|system)\b[^.!?\n]{0,30}"
    r"\b(?:instructions?|directions?|directives?|rules|prompts?|guidelines|context|commands?|orders|messages?|told|said|instructed|constraints|programming|training)\b"
    r"|\b(?:reveal|show|print|repeat|output|tell me|give me|display|leak|disclose|what(?:'s| is| are)|share)\b[^.!?\n]{0,40}\b(?:system|initial|hidden|secret|original|above|your)\s+(?:prompt|instructions?|key|password|code ?word|rules|message|directive)"
    r"|<\|?(?:im_start|im_end|system|endoftext)\|?>|\[/?(?:INST|SYS)\]|<<SYS>>|###\s*(?:system|instruction|new instruction)|</?(?:INFORMATION|system|instructions?)>"
    r"|\bnew (?:instructions?|task|directive|rules?)\b\s*[:.]|\bimportant (?:message|instruction)s?\b[^.\n]{0,60}\b(?:from|for|to)\b[^.\n]{0,30}\b(?:me|user|you|model|assistant|ai)\b"
    r"|\b(?:before|after) (?:you )?(?:do|solv|answer|complet|continu|finish|read|summari)\w*\b[^.\n]{0,80}\b(?:you must|please (?:do|first)|first (?:do|send|visit|call|execute))\b"
    r"|\b(?:instead|from now on|starting now|henceforth)\b[,:]?\s+(?:you (?:are|will|must|should)|say|print|output|respond|answer|act|only|always|write|tell)\b"
    r"|\b(?:end of (?:prompt|document|context|instructions)|begin new (?:prompt|session))\b|\b(?:todo|note to (?:the )?(?:ai|assistant|model|llm))\s*:"
    r"|\b(?:as an? (?:ai|language model)|assistant|ai model|llm)\b[^.\n]{0,30}\b(?:must|should|needs? to|has to)\b[^.\n]{0,60}\b(?:send|execute|call|delete|transfer|visit|forward|reveal)\b"
)
_JAILBREAK = Pattern(
    r"(?is)\b(?:do anything now|\bDAN\b[^.\n]{0,40}(?:mode|answer|respond|will)|jailbreak|jailbroken|developer mode|god ?mode|sudo mode|no (?:restrictions|limits|filters?|rules|guidelines|ethics|morals?)|without (?:any )?(?:restrictions|filters?|limits|"
    r"censorship|warnings?|moral)|unfiltered|uncensored|free (?:of|from) (?:all )?(?:restrictions|rules|limit)|(?:ignore|bypass|break|violate)\b[^.\n]{0,30}\b(?:openai|anthropic|google|content|safety|ethical|policy|policies)|"
    r"pretend (?:to be|you|that you)\b[^.\n]{0,60}\b(?:no|not|free|evil|unrestricted|without)|(?:stay|remain) in character|never (?:refuse|break character|say you can(?:no|')t)|always (?:answer|comply|respond as)|cannot refuse|can't refuse|"
    r"you are (?:now )?(?:going to )?(?:act as|play|roleplay|immersed|a fictional|an? (?:evil|amoral|unethical|unrestricted))|respond as the character|role-?play (?:game|as)|AIM\b[^.\n]{0,40}(?:machiavellian|unfiltered)|hypothetical (?:response|world|story)[^.\n]{0,60}(?:illegal|no laws))"
)
_QUOTING = re.compile(
    r"(?i)\b(?:phrases? like|examples?|such as|known as|explains?|describ\w+|training|postmortem|detect\w*|research|paper|article|quotes?|called|attack(?:s|ers?)? (?:use|try|include)|e\.g\.|scanner|filter|classif\w+|documentation|red[- ]team)\b"
)
_QUOTED = re.compile(r"['\"`\u201c\u2018][^'\"`\u201d\u2019]{8,200}['\"`\u201d\u2019]")
_PII = Pattern(
    r"\b\d{3}-\d{2}-\d{4}\b|\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b|(?i:\b(?:passport|ssn|social security|date of birth|driver'?s licen[cs]e)\b[^\n]{0,20}[:#]?\s*[A-Z0-9-]{6,})|(?:^|[^\d.-])(?:4\d{3}|5[1-5]\d{2}|3[47]\d{2})[ -]?\d{4,6}[ -]?\d{4,5}(?:[ -]?\d{1,4})?\b"
)


def kinds(text: str) -> list[str]:
    """Which of `injection`, `jailbreak`, `pii` the text shows; at most `CHARS_MAX` of it are read."""
    text = text[:CHARS_MAX]
    found: list[str] = []
    talk = _told_about(text)
    if not talk and _INJECTION.search(text):
        found.append("injection")
    if not talk and _JAILBREAK.search(text):
        found.append("jailbreak")
    if _PII.search(text):
        found.append("pii")
    return found


def _told_about(text: str) -> bool:
    """Whether the text speaks of such phrases instead of saying them: short, quoting, and naming that it quotes."""
    return (
        len(text) < TALK_CHARS_MAX and _QUOTING.search(text) is not None and _QUOTED.search(text) is not None
    )


def signals(texts: Iterable[tuple[str, str]]) -> Iterator[Effect]:
    """Effects `text.*` of (field, text): the text itself is not carried."""
    for field, text in texts:
        for kind in kinds(text):
            yield Effect(f"text.{kind}", f"{len(text)} characters in {field}", confidence=0.5, found_in=field)
