"""Questions from a text's own sentences: what stands for the answer is taken out of one.

`We paid $3.2 million in 2022 to settle the claim` becomes `How much paid settle claim`: the words
around the answer, thinned, behind the question word of the answer's kind. Rough as they are, such
questions teach to find the sentence of a text that nobody asked about, and which kind of words
answers which question (cloze translation: Lewis et al. 2019, arXiv 1906.04980).
"""

from __future__ import annotations

import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from docqa.engine.types import SentenceKind
from docqa.engine.words import stems
from docqa.trainer.dataset import LabelledDocument
from docqa.trainer.templates.rules import TemplateQuestion

MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
ANSWERS = (
    (
        re.compile(
            r"\b(?:because|(?:due|attributable) to|driven by|as a result of|reflecting|in order to"
            r"|so that)\b.{20,}"
        ),
        ("Why", "What is the reason:", "For what reason"),
    ),
    (re.compile(r"\$ ?\d[\d,.]*\d(?: (?:million|billion|thousand))?"), ("How much", "What amount")),
    (re.compile(r"\b\d[\d.]* ?(?:%|percent\b)"), ("What percentage", "How many percent")),
    (re.compile(rf"\b(?:{MONTH})(?: \d{{1,2}})?,? (?:1[6-9]|20)\d\d\b"), ("When", "On what date")),
    (
        re.compile(
            r"\b(?:\d[\d,]*|two|three|four|five|six|seven|eight|nine|ten|twelve|thirty|sixty|ninety)"
            r" (?=(?:\w+ )?(?:day|week|month|year)s\b)"
        ),
        ("How long", "Within how many", "How many"),
    ),
    (
        re.compile(
            r"\b(?:\d{1,3}(?:,\d{3})+|[1-9]\d{1,2}|two|three|four|five|six|seven)(?= [a-z]{3})"
        ),
        ("How many", "What number of"),
    ),
    (
        re.compile(r"\b(?:if|unless|provided that|except)\b.{20,}"),
        ("When", "Under what conditions"),
    ),
    (
        re.compile(r"(?<=[a-z,] )[A-Z][\w.’'&-]+(?: (?:of |and |the )?[A-Z][\w.’'&-]+){1,4}"),
        ("Who", "Which", "What", "What is the name of"),
    ),
)
"""What can be an answer, and how it is asked for; the first that occurs in a sentence counts."""
ABOUT = (
    "What about {words}?",
    "{words}",
    "Describe {words}",
    "What is said of {words}?",
)
"""Where no answer stands out."""
ABOUT_COMPANY = ("What does {company} say about {words}?", "How does {company} treat {words}?")
"""The same of a filing."""
EVERYWHERE = (" for {company}", " of {company}", " at {company} in {year}", " in fiscal {year}")
"""Words that stand all over a filing and tell nothing."""
NAMED = 0.4
"""Share of the questions on a filing that end with them."""
PER_DOCUMENT = 100
N_WORDS = (10, 70)
"""Least and most words of a sentence that is asked about."""
REACH = 14
"""Words on either side of the answer that may come into the question."""
COMMON = 0.05
"""A word in more than this share of the sentences is common and tells little."""
KEEP, KEEP_COMMON = 0.65, 0.35
"""Shares of the other words and of the common ones near the answer that stay."""
MIN_TELLING, MAX_TELLING = 2, 8
MAX_PLACES = 4
"""Words that more sentences have all together tell nothing apart."""
_WORD = re.compile(r"[\w$%][\w.,’'&%-]*[\w%]|\w")
_SELF = re.compile(r"(?i)^(we|our|us|ours|company|companys|registrant|company's|company’s)$")


@dataclass(frozen=True, slots=True)
class Cloze:
    """A sentence without its answer."""

    asked_with: str
    words: tuple[str, ...]
    """What is left of the sentence, in its order."""
    answer: str


def ask_cloze(
    document: LabelledDocument, company: str, year: int | None, chance: random.Random
) -> Iterator[TemplateQuestion]:
    """At most `PER_DOCUMENT` questions on sentences of prose, drawn by lot.

    Args:
        document: Any text.
        company: Whose filing it is.
        year: Of the filing; None for another text, whose questions name no company.
        chance: Draws sentences and words.
    """
    texts = {
        one.id: document.document.sentence_text(one.id)
        for one in document.document.sentences
        if one.kind is SentenceKind.PROSE
    }
    places: defaultdict[str, set[int]] = defaultdict(set)
    for sentence, text in texts.items():
        for stem in stems(text):
            places[stem].add(sentence)
    common = {stem for stem, found in places.items() if len(found) > COMMON * len(texts)}
    drawn = [i for i, text in texts.items() if N_WORDS[0] <= len(text.split()) <= N_WORDS[1]]
    chance.shuffle(drawn)
    n_made = 0
    for sentence in drawn:
        if n_made == PER_DOCUMENT:
            return
        cloze = _cloze(texts[sentence], common, chance)
        telling = set(stems(" ".join(cloze.words))) - common
        if len(telling) < MIN_TELLING:
            continue
        found = set.intersection(*(places[stem] for stem in telling))
        if len(found) <= MAX_PLACES:
            answering = {i for i in found if cloze.answer in texts[i]} | {sentence}
            yield TemplateQuestion(_worded(cloze, company, year, chance), tuple(sorted(answering)))
            n_made += 1


def _cloze(text: str, common: set[str], chance: random.Random) -> Cloze:
    """A sentence with an answer taken out, or, where none stands out, thinned to its subject."""
    for pattern, asked_with in ANSWERS:
        if match := pattern.search(text):
            before = _WORD.findall(text[: match.start()])[-REACH:]
            after = _WORD.findall(text[match.end() :])[:REACH]
            left = _thinned([*before, *after], common, chance)
            return Cloze(chance.choice(asked_with), left, match.group())
    words = _WORD.findall(text)
    start = chance.randrange(max(1, len(words) - REACH))
    return Cloze("", _thinned(words[start : start + REACH], common, chance), "")


def _thinned(words: list[str], common: set[str], chance: random.Random) -> tuple[str, ...]:
    """Words without the narrator, most common ones, and some of the others."""
    kept = []
    n_telling = 0
    for word in words:
        is_telling = not common.issuperset(stems(word))
        if _SELF.match(word) or chance.random() > (KEEP if is_telling else KEEP_COMMON):
            continue
        n_telling += is_telling
        if n_telling > MAX_TELLING:
            break
        kept.append(word)
    return tuple(kept)


def _worded(cloze: Cloze, company: str, year: int | None, chance: random.Random) -> str:
    """The question in other words, at times with the company and the year."""
    words = _reworded(" ".join(cloze.words).rstrip(".,"), chance)
    if not cloze.asked_with:
        return chance.choice((*ABOUT, *ABOUT_COMPANY) if year else ABOUT).format(
            company=company, words=words
        )
    question = f"{cloze.asked_with} {words}"
    if year and chance.random() < NAMED:
        question += chance.choice(EVERYWHERE).format(company=company, year=year)
    return question + "?"


def _reworded(words: str, chance: random.Random) -> str:
    """Half of the words that readers have others for, in theirs."""
    synonyms, pattern = _synonyms()

    def other(match: re.Match[str]) -> str:
        keeps = chance.random() < 0.5
        return match.group() if keeps else chance.choice(synonyms[match.group().lower()])

    return pattern.sub(other, words)


@cache
def _synonyms() -> tuple[dict[str, list[str]], re.Pattern[str]]:
    """What each phrase may be replaced by, and what finds the longest phrases of a text."""
    source = files("docqa.trainer.templates") / "synonyms.toml"
    groups = tomllib.loads(source.read_text(encoding="utf-8"))["groups"]
    synonyms = {written.lower(): asked for written, *asked in groups}
    longest_first = sorted(synonyms, key=len, reverse=True)
    pattern = "|".join(map(re.escape, longest_first))
    return synonyms, re.compile(rf"(?i)(?<![\w-])(?:{pattern})(?![\w-])")
