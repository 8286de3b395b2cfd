"""The units published scanners read: neighbouring sentences, joined until there are 20 tokens.

A document keeps one segmentation, docqa's own sentences, whoever reads it: evidence, citations
and pages stay what they are when the checkpoint changes. A checkpoint that was trained on longer
units says so in its config (`unit_tokens`). It then reads the text as it stands, white space
between sentences included, and gives every sentence of a unit the score it gives the unit.

The rule is that of the published code: sentences are joined forward until a unit has so many
tokens, and what is left at the end joins the unit before. The units still differ from the
published ones where the sentences do. Those come from NLTK's trained punkt, whose data is a
download, and are cut at commas and semicolons, then at newlines, then every 50 words, where they
are long; docqa's come from rules, at most 80 words long (`sentences.py`). Published code also
drops pieces of 1,000 characters and more; here nothing is lost.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from docqa.engine.retrievers.packing import TokenizedDocument


def in_units(tokens: TokenizedDocument, unit_tokens: int) -> TokenizedDocument:
    """Let every sentence end where its unit ends.

    Args:
        tokens: A document by sentences.
        unit_tokens: Least tokens of a unit; a document with fewer is one unit.
    """
    sentence_ends = tokens.sentence_ends
    ends = np.empty_like(sentence_ends)
    before = -1  # last token of the unit before
    first = last_first = 0  # first sentence of this unit, and of the one before
    for i, end in enumerate(sentence_ends):
        if end - before >= unit_tokens:
            ends[first : i + 1] = end
            before, last_first, first = int(end), first, i + 1
    if first < len(ends):
        ends[last_first:] = sentence_ends[-1]
    return replace(tokens, sentence_ends=ends)
