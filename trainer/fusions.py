"""Which fusion of mamba and BM25 finds most: the measurement behind `engine/retrievers/hybrid.py`.

python -m docqa.trainer.fusions --limit 20 --seed 1 a.dev.jsonl.gz b.dev.jsonl.gz
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from docqa.engine.retrievers.bm25 import BM25Retriever
from docqa.engine.retrievers.fused_scores import read_by, unread_of
from docqa.engine.retrievers.fusion import reciprocal_rank
from docqa.engine.retrievers.hybrid import HybridRetriever
from docqa.engine.retrievers.mamba_retriever import MambaRetriever
from docqa.engine.retrievers.retriever import Scores
from docqa.engine.types import Document
from docqa.trainer.bench import bench_files
from docqa.trainer.remembered_scores import RememberedScores

Fuse = Callable[[Scores, Scores], Scores]


def standardize(scores: Scores) -> Scores:
    """(s,) mean 0 and standard deviation 1."""
    spread = float(scores.std()) if len(scores) else 0.0
    standard: Scores = (scores - scores.mean()) / spread if spread else scores * 0
    return standard


def _share_of_best(weight: float) -> Fuse:
    return lambda mamba, bm25: mamba + weight * bm25 / max(float(bm25.max(initial=0.0)), 1e-6)


FUSIONS: dict[str, Fuse] = {
    "mamba": lambda mamba, _: mamba,
    "bm25": lambda _, bm25: bm25,
    "sum of z-scores": lambda mamba, bm25: standardize(mamba) + standardize(bm25),
    "reciprocal rank, k 60": lambda mamba, bm25: reciprocal_rank(mamba, bm25),
    "logit + 2 BM25 / best BM25": _share_of_best(2.0),
    "logit + 4 BM25 / best BM25": _share_of_best(4.0),
    "logit + 6 BM25 / best BM25": _share_of_best(6.0),
    "logit + 8 BM25 / best BM25": _share_of_best(8.0),
    "logit + 0.3 BM25": lambda mamba, bm25: mamba + 0.3 * bm25,
    "logit + z-score of BM25": lambda mamba, bm25: mamba + standardize(bm25),
}


class _Fused(HybridRetriever):
    """The hybrid with another fusion."""

    def __init__(self, mamba: RememberedScores, bm25: RememberedScores, fuse: Fuse) -> None:
        super().__init__(mamba)
        self._other, self._fuse = bm25, fuse

    def score_questions(
        self, questions: Sequence[str], document: Document, **_: Any
    ) -> list[Scores]:
        return [
            read_by(
                self.span_reader,
                one,
                document,
                self._fuse(
                    unread_of(self.mamba.score(one, document)), self._other.score(one, document)
                ),
            )
            for one in questions
        ]


def measure_fusions(
    files: Sequence[Path], *, checkpoint: Path | None, limit: int | None, seed: int
) -> str:
    """A Markdown table of all `FUSIONS` on labelled files, macro averages."""
    mamba = RememberedScores(MambaRetriever.load(checkpoint))
    bm25 = RememberedScores(BM25Retriever())
    lines = ["| Score | 500 | 1,000 | 2,000 | MRR |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, fuse in FUSIONS.items():
        overall = bench_files(files, _Fused(mamba, bm25, fuse), limit=limit, seed=seed)["overall"]
        cells = [*overall["recall_words"].values(), overall["mrr"]]
        lines.append(f"| {name} | {' | '.join(f'{cell:.3f}' for cell in cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(
        measure_fusions(
            options.files,
            checkpoint=options.checkpoint,
            limit=options.limit,
            seed=options.seed,
        )
    )
