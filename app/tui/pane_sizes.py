"""How wide the reader likes the panes, kept from one start to the next.

This is no setting: it is changed by keys, and a file that cannot be read or written is no error.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

MIN_SHARE, MAX_SHARE = 0.25, 0.75


@dataclass(frozen=True, slots=True)
class PaneSizes:
    """The widths of the three panes beside each other."""

    document_share: float | None = None
    """Of what conversation and document have together; None = as it comes."""
    has_library: bool = True

    def moved(self, by: float, default: float) -> PaneSizes:
        """The border between conversation and document moved, as far as both can be read."""
        share = (self.document_share or default) + by
        return PaneSizes(round(max(MIN_SHARE, min(share, MAX_SHARE)), 2), self.has_library)


def sizes_file() -> Path:
    """Where the sizes are kept."""
    return Path(platformdirs.user_state_dir("docqa", appauthor=False)) / "panes.json"


def load_sizes() -> PaneSizes:
    """The sizes of the last time; those it comes with where there are none."""
    try:
        found = json.loads(sizes_file().read_text(encoding="utf-8"))
        share, has_library = found["document_share"], found["has_library"]
        if share is not None and not MIN_SHARE <= float(share) <= MAX_SHARE:
            return PaneSizes()
        return PaneSizes(None if share is None else float(share), bool(has_library))
    except (OSError, ValueError, KeyError, TypeError):
        return PaneSizes()


def save_sizes(sizes: PaneSizes) -> None:
    """Keep the sizes for the next time, where that is possible."""
    with contextlib.suppress(OSError):
        sizes_file().parent.mkdir(parents=True, exist_ok=True)
        sizes_file().write_text(json.dumps(asdict(sizes)), encoding="utf-8")
