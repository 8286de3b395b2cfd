"""`docqa bench reader`: are the words that a checkpoint's reader takes from the evidence right?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from docqa.app.options import (
    data_files,
    json_option,
    model_options,
    quiet_option,
    sample_options,
)


@click.command()
@data_files("Labelled documents with verbatim answers")
@model_options
@sample_options
@json_option
@quiet_option
def reader(
    files: tuple[Path, ...],
    more_files: tuple[Path, ...],
    limit: int | None,
    seed: int,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """How right the short answers are, in whole documents and with gold evidence."""
    from docqa.app.config import load_settings
    from docqa.app.diagnostics import Narrator
    from docqa.app.output import print_json, print_table
    from docqa.app.session import check_choices, chosen_checkpoint

    settings = load_settings(flags)
    check_choices(settings, checkpoint_given=flags["checkpoint"] is not None)
    narrator = Narrator(quiet=quiet)

    from docqa.trainer.reader_bench import bench_reader

    report = bench_reader(
        [*files, *more_files],
        settings.retriever,
        checkpoint=chosen_checkpoint(settings),
        device=settings.device,
        limit=limit,
        seed=seed,
        on_progress=narrator.benching,
    )
    narrator.clear()
    if as_json:
        print_json(report)
        return
    measures = list(report["overall"]["whole_document"])
    print_table(
        ["file", "evidence", *measures],
        [
            [row["file"], which.replace("_", " "), *(f"{row[which][one]:.3f}" for one in measures)]
            for row in (*report["files"], {**report["overall"], "file": "overall"})
            for which in ("whole_document", "gold_evidence")
        ],
    )
