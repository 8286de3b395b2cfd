"""Memory of products is used again, not given back and asked for with every product."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1
"""Names of glibc's settings, from its malloc.h."""
LARGEST_PRODUCT = 32 * 2**20
"""Bytes; glibc takes no more."""
MOST_KEPT = 16 * 2**20
"""Bytes a thread keeps at most."""


@cache
def keep_freed_memory() -> bool:
    """Let glibc keep what is freed, up to `MOST_KEPT` bytes; whether it could be asked to.

    A product of some megabytes is freed after every layer. Given back to the system it comes back
    as pages that are not there yet: up to 260,000 of them were asked for again in a document of
    100,000 tokens, a tenth of the time.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library, such as musl
        return False
    thresholds = (MMAP_THRESHOLD, LARGEST_PRODUCT), (TRIM_THRESHOLD, MOST_KEPT)
    kept = [mallopt(name, value) for name, value in thresholds]
    return kept == [1, 1]
