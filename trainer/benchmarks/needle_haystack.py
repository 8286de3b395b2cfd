"""Text to hide needles in: what the user names, or plain sentences out of a grammar.

Generated text is easy: its vocabulary is small and nothing in it resembles an answer. It is there
so that the suite runs anywhere; figures worth comparing come from real text.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from docqa.engine.checkpoints.installed import embedded_checkpoint
from docqa.engine.errors import ConfigError
from docqa.engine.ingest.documents import ingest
from docqa.engine.mamba2.checkpoint import load_tokenizer
from docqa.trainer.dataset import read_documents

GENERATED = "generated sentences"
JSON_LINES = (".jsonl", ".jsonl.gz")
PARAGRAPHS_AT_ONCE = 512
SENTENCES_A_PARAGRAPH = (3, 7)

_ADJECTIVES = """
    broad calm careful cheerful cold crooked damp dark distant dry dusty early empty faded fair
    faint gentle grey heavy hollow honest idle late lean light lonely mild narrow neat new old
    patient pale plain proud quiet ragged rough round rusty sharp shallow silent slow small smooth
    soft spare steady steep still stout strange thin tidy tired warm weary wide wooden young
"""
_NOUNS = """
    avenue baker barn basket bench bridge broom bucket candle carpet cart cellar chair chimney
    clerk coat cottage courtyard cupboard curtain dairy ditch door drawer driver farmer fence field
    fiddle forest garden gardener gate glove guest hall hammer hedge hill horse kettle kitchen
    ladder lamp lane lantern lawn letter meadow mirror neighbour nephew orchard oven painter parcel
    path piano porch potter pump road roof sailor shed shelf shepherd shutter stable staircase
    stove stranger stream table tailor teacher traveller valley visitor wagon wall weaver window
    workshop
"""
_VERBS = """
    admired avoided blocked brushed carried cleaned closed counted covered crossed described
    dragged emptied faced fetched filled followed forgot found guarded held ignored left lifted
    liked measured mended missed moved noticed opened painted passed praised pulled pushed reached
    recalled repaired saw sketched sold stored swept touched turned washed watched
"""
_ENDINGS = """
    after-breakfast again-and-again as-before at-dusk at-first before-lunch by-habit every-autumn
    for-a-while in-the-evening in-the-morning in-the-rain in-silence most-days now-and-then
    on-the-way-home once-more that-afternoon the-next-day to-no-purpose toward-noon
    with-great-care with-some-trouble without-a-word without-hurry
"""
_PLACES = """
    above across-from behind below beside beyond close-to in-front-of inside near next-to outside
    under
"""


@dataclass(frozen=True, slots=True)
class Haystack:
    """Paragraphs from the front of some text, as many as the longest document takes."""

    name: str
    """Names of the files, or `GENERATED`."""
    paragraphs: tuple[str, ...]
    n_tokens: tuple[int, ...]
    """Tokens of the embedded checkpoint down to the end of each paragraph."""

    def text(self, n_tokens: int) -> str:
        """The text up to so many tokens, give or take half a paragraph."""
        last = bisect_left(self.n_tokens, n_tokens)
        before = self.n_tokens[last - 1] if last else 0
        if last == 0 or self.n_tokens[last] - n_tokens < n_tokens - before:
            last += 1
        return "\n\n".join(self.paragraphs[:last])


def read_haystack(files: Sequence[Path], n_tokens: int, seed: int) -> Haystack:
    """Text of at least so many tokens, from the files in their order.

    Args:
        files: JSON Lines with a `text`, or what `docqa ingest` reads; none = generated.
        n_tokens: Of the longest document to make.
        seed: Of generated text.

    Raises:
        ConfigError: When the files hold too little.
        TrainingError: When JSON Lines cannot be read.
        IngestError: When another file cannot be read.
    """
    name = ", ".join(file.name for file in files) or GENERATED
    source = _paragraphs_of(files) if files else generate_paragraphs(random.Random(seed))
    paragraphs: list[str] = []
    ends: list[int] = []
    for paragraph, n in _count_tokens(source, load_tokenizer(embedded_checkpoint())):
        paragraphs.append(paragraph)
        ends.append(n + (ends[-1] if ends else 0))
        if ends[-1] >= n_tokens:
            return Haystack(name, tuple(paragraphs), tuple(ends))
    n_there = ends[-1] if ends else 0
    raise ConfigError(
        f"The haystack {name} has {n_there:,} tokens, and the longest document asks for "
        f"{n_tokens:,}.",
        "Give more files, or smaller --lengths.",
    )


def generate_paragraphs(chooser: random.Random) -> Iterator[str]:
    """Plain sentences without end; the same for the same seed."""
    adjectives, nouns, verbs = _ADJECTIVES.split(), _NOUNS.split(), _VERBS.split()
    places = [one.replace("-", " ") for one in _PLACES.split()]
    endings = [one.replace("-", " ") for one in _ENDINGS.split()]

    def thing() -> str:
        return f"the {chooser.choice(adjectives)} {chooser.choice(nouns)}"

    def sentence() -> str:
        place = f" {chooser.choice(places)} {thing()}" if chooser.random() < 0.5 else ""
        ending = f" {chooser.choice(endings)}" if chooser.random() < 0.5 else ""
        text = f"{thing()} {chooser.choice(verbs)} {thing()}{place}{ending}."
        return text[0].upper() + text[1:]

    while True:
        yield " ".join(sentence() for _ in range(chooser.randint(*SENTENCES_A_PARAGRAPH)))


def _paragraphs_of(files: Sequence[Path]) -> Iterator[str]:
    for file in files:
        is_lines = file.name.endswith(JSON_LINES)
        texts = (one.text for one in read_documents(file)) if is_lines else [ingest(file).text]
        for text in texts:
            yield from (one.strip() for one in text.split("\n\n") if one.strip())


def _count_tokens(paragraphs: Iterable[str], tokenizer: Tokenizer) -> Iterator[tuple[str, int]]:
    """Each paragraph with its tokens, counted many at once, which is faster."""
    waiting: list[str] = []

    def counted() -> Iterator[tuple[str, int]]:
        encodings = tokenizer.encode_batch(waiting, add_special_tokens=False)
        yield from zip(waiting, map(len, encodings), strict=True)

    for paragraph in paragraphs:
        waiting.append(paragraph)
        if len(waiting) == PARAGRAPHS_AT_ONCE:
            yield from counted()
            waiting.clear()
    yield from counted()
