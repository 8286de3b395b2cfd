"""How docqa starts itself again in another process."""

from __future__ import annotations

import sys

PYTHON = [sys.executable, "-P"]
"""-P: a file `click.py`, or a folder named docqa, where the reader happens to be is not ours."""
DOCQA = [*PYTHON, "-m", "docqa.app.cli"]
"""The command line."""
WORKER = [*PYTHON, "-m", "docqa.app.jobs.worker"]
"""The process that reads and answers for the terminal application."""
