"""Words: the few places where the engine must read what libraries and models write. Each list says whose words these are.

A word is never the whole of a verdict: it tells which of several readings of the same spans is meant.
"""

from __future__ import annotations

import re

_EXTERNAL = re.compile(
    r"time[d\-_ ]?out|deadline|connect|unreachable|refused|\breset\b|unavailable|overload|throttl|rate.?limit"
    r"|too many requests|\b(?:401|403|408|429|5\d\d)\b|bad gateway|gateway|\bdns\b|resolve host|name resolution"
    r"|certificate|\bssl|\btls|expired|unauthori[sz]ed|forbidden|E(?:CONN|TIMEDOUT|HOSTUNREACH|AI_AGAIN|PIPE)"
    r"|socket|network|maintenance|temporar",
    re.IGNORECASE,
)
"""How clients, proxies and kernels say that the other side, or the way there, is at fault."""

_CODE = re.compile(
    r"(?:Type|Key|Attribute|Name|Index|Value|Assertion|Import|ModuleNotFound|NotImplemented|Reference|Syntax|Range"
    r"|Unicode|ZeroDivision|Recursion|Null\w*|NullPointer|IllegalArgument|IllegalState|ClassCast|NoMethod|Argument)"
    r"(?:Error|Exception)|\bpanic\b|undefined|is not a function|has no attribute|missing \d+ required|unexpected keyword"
    r"|Traceback|nil pointer|segmentation|not defined|cannot read propert|unhandled",
    re.IGNORECASE,
)
"""How runtimes say that code is wrong: names of the standard exceptions of Python, JavaScript, Java, Go and Ruby."""

_LIMIT = re.compile(
    r"max(?:imum)?[ _.-]*(?:number of )?(?:turns?|iterations?|steps?|tool[ _]calls?|requests?|tokens?|cost|budget|llm[ _]calls?|loops?)"
    r"|budget|recursion[ _-]*(?:limit|error)|usage[ _-]*limit|(?:iteration|step|turn|cost|spend\w*|token|request|credit)s?[ _-]*limit"
    r"|insufficient[ _](?:quota|funds?|credits?|balance)|quota[ _]*(?:exceeded|exhausted)|(?:exceeded|over).{0,30}quota"
    r"|(?:cost|token|spend\w*|turn|step|credit|call)s?[ _-]*(?:cap|ceiling|allowance)\b|\b(?:ran )?out of (?:tokens|credits?|steps|turns|money)"
    r"|(?:stopped|halted|ended) after \d+ (?:turns|steps|iterations|calls)|too many (?:turns|steps|iterations|tool calls)"
    r"|context[ _-]*(?:length|window)|out of credits?|limit of \d+ (?:turns|steps|iterations|calls|requests|tokens)",
    re.IGNORECASE,
)
"""How agent libraries and providers say that a bound ended a run: MaxTurnsExceeded (OpenAI Agents), UsageLimitExceeded
(Pydantic AI), GraphRecursionError (LangGraph), error_max_turns and error_max_budget_usd (Claude Code), max iterations
(CrewAI, LangChain), insufficient_quota and context_length_exceeded (OpenAI)."""
LENGTHS = frozenset(
    {"length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"}
)
"""`gen_ai.response.finish_reasons` of an answer that was cut."""

_STOPPED = re.compile(
    r"cancel|time[d\-_ ]?out|deadline|abort|kill|interrupt|no response|hang|hung|stall|heartbeat",
    re.IGNORECASE,
)
"""How whoever waits says that nothing came any more."""

_DONE = re.compile(
    r"\b(?:done|complete[ds]?|completed|finish(?:ed)?|success(?:ful|fully)?|succeed(?:ed|s)?|fixed|resolved|updated|created|deployed"
    r"|sent|saved|booked|merged|applied|published|scheduled|submitted|uploaded|written|wrote|passed|pass(?:es)?|ready|all set|is now|now live"
    r"|has been|have been|i've|i have|it works|works now|taken care|good to go|in place)\b"
    r"|\b(?:fertig|erledigt|abgeschlossen|behoben|erfolgreich|terminé|termin[ée]e|effectué|réussi|hecho|listo|completad[oa]|realizad[oa]|éxito"
    r"|conclu[ií]d[oa]|feito|fatto|completat[oa]|готово|выполнен[оа]?|исправлен[оа]?)\b|完成|成功|完了|しました|완료",  # noqa: RUF001 - Russian
    re.IGNORECASE,
)
"""How a model says that it did what it was asked, in the languages that most are asked in."""
_HONEST = re.compile(
    r"\b(?:could(?: not|n't)|can(?:not|'t| not)|unable|fail(?:ed|s|ure|ing)?|error(?:s|ed)?|did(?: not|n't)|was(?: not|n't)|were(?: not|n't)"
    r"|is(?: not|n't)|has(?: not|n't)|have(?: not|n't)|not able|not (?:yet )?(?:been )?(?:complete|done|finish|sent|saved|created|applied)\w*|unfortunately"
    r"|sorry|apologi[sz]e|unsuccessful|blocked|incomplete|rejected|denied|without success|gave up|still (?:open|pending|broken|fails)|problem|issue with"
    r"|nicht|leider|konnte|fehlgeschlagen|impossible|échou\w*|malheureusement|n'ai pas|no pude|no se pudo|falló|error al"
    r"|não (?:foi|consegui)|non (?:sono|è)|не (?:удалось|смог)|ошибк\w*)\b|失败|无法|できません|失敗|실패",
    re.IGNORECASE,
)
"""How a model says that it did not."""

_DICTATES = re.compile(
    r"(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|all|any|your|system|other)\b.{0,30}"
    r"\b(?:instruction|prompt|rule|direction|guideline|task|message|context)s?"
    r"|\b(?:new|updated|real|actual|additional) (?:system )?(?:instruction|task|objective|directive)s?\b"
    r"|\b(?:you are|you're) (?:now|no longer)\b|\bsystem (?:prompt|message|override|notice|update)\b|<\s*/?\s*(?:system|important|instructions?)\s*>"
    r"|\b(?:ai|llm|language model|assistant|agent|chatbot|claude|gpt|copilot)s?\b.{0,60}\b(?:must|should|shall|please|need(?:s)? to|required|instructed|ha(?:s|ve) to|will now)\b"
    r"|\b(?:note|message|instruction|attention|notice)s?\b.{0,20}\b(?:to|for)\b.{0,20}\b(?:ai|llm|assistant|agent|model)s?\b"
    r"|\bdo(?: not|n't) (?:tell|mention|inform|notify|reveal|disclose|show|ask|alert)\b.{0,40}\b(?:user|anyone|human|operator|this)\b"
    r"|\bwithout (?:telling|informing|asking|notifying|mentioning)\b|(?:ignoriere|vergiss)\b.{0,40}\b(?:anweisung|vorherige)\w*|ignore[rz]?\b.{0,30}\bpr[ée]c[ée]dent\w*"
    r"|ignora\b.{0,40}\b(?:instrucciones|istruzioni|anteriores)\b|忽略.{0,12}(?:指令|指示)|игнорируй",
    re.IGNORECASE | re.DOTALL,
)
"""How a text turns to the model that reads it instead of to a person: OWASP LLM01 and the published injection suites."""
_URGES = re.compile(
    r"\b(?:important|urgent|attention|required|mandatory|must|immediately|before (?:you )?(?:continu|proceed|answer|us)\w*|first|action required|please|kindly|now)\b"
    r".{0,80}\b(?:send|forward|transfer|upload|e-?mail|post|delete|remove|execute|run|call|invoke|pay|wire|grant|share|read|fetch|visit|open|add|invite|export|reset|disable|curl|use)\b",
    re.IGNORECASE | re.DOTALL,
)
"""How a text urges whoever reads it: people's letters do so as well, so this needs an act that is not the agent's habit."""

TEXT_CHARS_MAX = 20_000
"""Characters of a text that are searched."""


def external(text: str) -> bool:
    """Whether an error blames the other side or the way there."""
    return bool(_EXTERNAL.search(text[:TEXT_CHARS_MAX]))


def of_code(text: str) -> bool:
    """Whether an error is one of code: it comes with a commit."""
    return bool(_CODE.search(text[:TEXT_CHARS_MAX]))


def limit(text: str) -> bool:
    """Whether an error names a bound that was reached; a rate limit is none of ours."""
    text = text[:TEXT_CHARS_MAX]
    return bool(_LIMIT.search(text)) and not re.search(r"rate.?limit", text, re.IGNORECASE)


def stopped(text: str) -> bool:
    """Whether an error says that nothing came any more."""
    return bool(_STOPPED.search(text[:TEXT_CHARS_MAX]))


def claims_done(text: str) -> bool:
    """Whether an answer says that the work is done."""
    return bool(_DONE.search(text[:TEXT_CHARS_MAX])) and not admits(text)


def admits(text: str) -> bool:
    """Whether an answer says that something did not work."""
    return bool(_HONEST.search(text[:TEXT_CHARS_MAX]))


def dictates(text: str) -> bool:
    """Whether a text gives orders to the model that reads it."""
    return bool(_DICTATES.search(text[:TEXT_CHARS_MAX]))


def urges(text: str) -> bool:
    """Whether a text asks its reader, whoever that is, to act."""
    return bool(_URGES.search(text[:TEXT_CHARS_MAX]))


_NO_EFFECT = re.compile(
    r"\b(?:0|no|zero) (?:rows?|files?|records?|items?|changes?|match(?:es)?|replacements?|documents?|messages?|lines?|entries|updates?)\b"
    r"|\bnothing (?:to|was|has been|changed|updated|written|sent|applied)\b|\bunchanged\b|\bnot modified\b|\balready up[- ]to[- ]date\b|\bno-?op\b"
    r"|\"?\b\w*(?:updated|modified|affected|changed|matched|sent|written|applied|inserted|deleted|created)\w*\"?\s*[:=]\s*(?:0\b|false\b|null\b|none\b|\[\s*\])"
    r"|\"?(?:ok|success|succeeded)\"?\s*[:=]\s*false\b",
    re.IGNORECASE,
)
"""How databases, editors, version control and APIs say that an act did nothing."""
_SOFT_ERROR = re.compile(
    r"\"?(?:is_?error|isError)\"?\s*[:=]\s*true\b|\"?status\"?\s*[:=]\s*\"?(?:error|fail(?:ed|ure)?)\b|\bexit(?:ed)?(?: with)?(?: status| code)?[ :=]+[1-9]\d{0,2}\b"
    r"|\b[1-9]\d{0,5} (?:tests? |checks? |assertions? |errors? )?failed\b|\b[1-9]\d{0,5} failures?\b|\b(?:build|tests?|command) failed\b"
    r"|^\W{0,3}(?:error|fatal|traceback|failed)\b|\"error\"\s*:\s*(?:\{|\"[^\"])",
    re.IGNORECASE,
)
"""How a tool says that it failed where its span does not."""


def soft_error(text: str) -> bool:
    """Whether a tool's answer says that it failed."""
    return bool(_SOFT_ERROR.search(text[:TEXT_CHARS_MAX]))


def in_vain(text: str) -> bool:
    """Whether a tool's answer says that it failed, or that nothing changed."""
    text = text[:TEXT_CHARS_MAX]
    return bool(_NO_EFFECT.search(text) or _SOFT_ERROR.search(text))
