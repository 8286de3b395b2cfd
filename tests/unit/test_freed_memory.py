"""What is freed after a product is there for the next one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from docqa.engine.mamba2.freed_memory import keep_freed_memory

PAGES_ASKED_FOR = """
import resource, sys, threading
import torch
from docqa.engine.mamba2.freed_memory import keep_freed_memory

def faults():
    if sys.argv[1] == "keep":
        keep_freed_memory()
    for _ in range(5):
        torch.zeros(2_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        torch.zeros(2_000_000)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

thread = threading.Thread(target=faults)
thread.start()
thread.join()
"""


def pages_asked_for(how: str) -> int:
    command = [sys.executable, "-c", PAGES_ASKED_FOR, how]
    environment = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=65536"}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return int(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone gives memory back so")
def test_the_system_is_not_asked_for_the_same_memory_again() -> None:
    if not keep_freed_memory():
        pytest.skip("not glibc")
    assert pages_asked_for("keep") * 3 < pages_asked_for("leave")
