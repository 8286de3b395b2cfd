"""The published checkpoints docqa knows by name: where they are, what they are for.

No revision and no hash stands here: the hub is asked for them at the first pull, they are shown,
and from then on the checkpoint's `origin.json` holds them.
"""

from __future__ import annotations

from dataclasses import dataclass

TOKENIZER = "EleutherAI/gpt-neox-20b"
"""The tokenizer of all published Mamba-2 models, which do not carry it themselves."""
UNIT_TOKENS = 20
"""The published scanners were trained on units of at least so many tokens."""


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint of the catalogue."""

    name: str
    """How docqa calls it: the last part of the repository's name."""
    repository: str
    licence: str
    size: str
    """Parameters, as its publishers count them."""
    is_base: bool
    """True for a language model without a sentence head: a start for training."""


CATALOGUE = (
    Published("SPScanner-130m", "MambaRetriever/SPScanner-130m", "MIT", "130M", False),
    Published("SPScanner-1.3b", "MambaRetriever/SPScanner-1.3b", "MIT", "1.3B", False),
    *(
        Published(f"mamba2-{size}", f"state-spaces/mamba2-{size}", "Apache-2.0", size.upper(), True)
        for size in ("130m", "370m", "780m", "1.3b", "2.7b")
    ),
)


def published(name: str) -> Published | None:
    """The checkpoint of that name or repository, in any case."""
    folded = name.casefold()
    for one in CATALOGUE:
        if folded in (one.name.casefold(), one.repository.casefold()):
            return one
    return None
