"""The peers, as their users run them: lines in, a group and a template text for each line out.

drain3 as it comes, and with the masks of its own example; tipping from PyPI as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

import tipping
from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

Groups = tuple[list[str], dict[str, str]]
"""The group of each line, and the template text of each group."""

_EXAMPLE_MASKS = (
    (
        r"(?<=[^A-Za-z0-9])(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))(?=[^A-Za-z0-9])|(?<=[^A-Za-z0-9])(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))$",
        "ID",
    ),
    (r"(?<![A-Za-z0-9])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![A-Za-z0-9])", "IP"),
    (r"(?<![A-Za-z0-9])[0-9a-f]{6,} ?(?:[0-9a-f]{6,} ?){2,}(?![A-Za-z0-9])", "SEQ"),
    (r"(?<![A-Za-z0-9])0x[a-f0-9A-F]+(?![A-Za-z0-9])", "HEX"),
    (r"(?<![A-Za-z0-9])[-+]?\d+(?![A-Za-z0-9])", "NUM"),
)
_MASK_NAMES = tuple(f"<{name}>" for _pattern, name in _EXAMPLE_MASKS)


def drain(lines: Sequence[str], *, masks: bool) -> Groups:
    """drain3, one message at a time; its templates are those it has at the end."""
    config = TemplateMinerConfig()
    config.profiling_enabled = False
    if masks:
        config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in _EXAMPLE_MASKS]
    miner = TemplateMiner(config=config)
    groups = [str(miner.add_log_message(line)["cluster_id"]) for line in lines]
    return groups, {
        str(cluster.cluster_id): _spelled(cluster.get_template()) for cluster in miner.drain.clusters
    }


def tip(lines: Sequence[str]) -> Groups:
    """tipping, the whole batch at once; a line that it leaves out is a group of its own."""
    found, _masks, templates = tipping.parse(list(lines), return_masks=False)
    groups = [f"- {at}" if group is None else str(group) for at, group in enumerate(found)]
    return groups, {str(group): min(texts, default="") for group, texts in enumerate(templates)}


PEERS: Mapping[str, Callable[[Sequence[str]], Groups]] = {
    "drain3": lambda lines: drain(lines, masks=False),
    "drain3, example masks": lambda lines: drain(lines, masks=True),
    "tipping": tip,
}
"""By the name under which they are printed."""


def versions() -> str:
    """Which releases the figures are of."""
    return f"drain3 {version('drain3')}, tipping {version('tipping')}"


def _spelled(template: str) -> str:
    for name in _MASK_NAMES:
        template = template.replace(name, "<*>")
    return template
