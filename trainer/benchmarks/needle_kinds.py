"""Kinds of needles: a question, the sentences that answer it, and others of the same form.

Names are made up, so no model knows them. The distractors of a needle share its words: the same
entity with another thing or year, the same thing of another entity, the same two parties the other
way round. Word overlap alone therefore finds the neighbourhood of most kinds, and has to break
ties within it; `clause` and its main distractor have the very same words in another order, and
`meaning` shares no word with its question at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from docqa.engine.errors import ConfigError
from docqa.trainer.benchmarks.chains import KINDS as CHAINS
from docqa.trainer.benchmarks.chains import invent_names

N_DISTRACTORS = 3


@dataclass(frozen=True, slots=True)
class Planted:
    """Text that is put into a haystack: a sentence, or a table with its heading."""

    text: str
    sentence: str
    """The part of it that answers, which is all of it unless it is a table."""

    @property
    def is_block(self) -> bool:
        """Whether it needs lines of its own."""
        return "\n" in self.text


@dataclass(frozen=True, slots=True)
class Needle:
    """A question with what is planted for it."""

    kind: str
    question: str
    answers: tuple[str, ...]
    needles: tuple[Planted, ...]
    """All have to be found."""
    distractors: tuple[Planted, ...]


Make = Callable[[random.Random, Sequence[str]], Needle]
"""A needle from some chance and `N_NAMES` names."""
N_NAMES = 8

_WORKS = {"quarry": "slate", "mill": "flour", "brewery": "ale", "foundry": "iron"}
_MONTHS = "January February March April May June July August September October November December"
_OFFICES = ("harbour master", "town clerk", "coroner", "head gardener")
_CODES = "amaranth basalt cormorant damson ermine fennel garnet heliotrope indigo juniper".split()
_VAULTS = ("eastern", "lower", "northern", "upper")
_MEANINGS = (
    ("The old physician never touched meat.", "Which doctor was a vegetarian?"),
    ("Rain kept the bridge shut for nine days.", "How long could nobody cross the river?"),
    ("The tenant owed the widow forty pounds for coal.", "What debt did the lodger have?"),
    ("A goat ate the only map the surveyors had.", "What animal destroyed the chart?"),
    ("The blacksmith could neither read nor write.", "Which craftsman was illiterate?"),
    ("The choir was paid in apples that winter.", "What wages did the singers receive?"),
    ("Thieves carried off the bell on Christmas night.", "On what holiday did a robbery happen?"),
    ("The captain was so short that he steered standing on a crate.",
     "What did the skipper use to make up for his small height?"),
    ("The bakery burned to the ground within an hour.", "How fast did fire consume the shop?"),
    ("The judge fined himself for arriving late.", "Whom did the magistrate punish?"),
    ("Snow fell on the vineyards in July.", "When did freakish weather hit the grapes?"),
    ("The mayor's daughter ran away with a circus rider.",
     "With whom did the politician's child elope?"),
    ("The miner gave a kidney to his brother.", "Which organ was donated to a sibling?"),
    ("The orphans slept above the stables.", "Where did children without parents spend nights?"),
    ("A comet hung over the town when the queen was born.",
     "What was seen in the sky at the birth of the monarch?"),
    ("The ferryman's wife could swim faster than he could row.",
     "Who was quicker in water than her husband in a boat?"),
)  # fmt: skip
"""Needles whose questions share no word with them but those that any sentence has."""


def make_needle(kind: str, chooser: random.Random, text: str) -> Needle:
    """A needle of a kind, with names that do not occur in a text."""
    return MAKERS[kind](chooser, invent_names(chooser, N_NAMES, text))


def _number(chooser: random.Random, names: Sequence[str]) -> Needle:
    work, other_work = chooser.sample(sorted(_WORKS), 2)
    year, other_year = chooser.sample(range(1841, 1940), 2)
    tonnes = [f"{n:,}" for n in chooser.sample(range(1_100, 9_900), 4)]

    def output(name: str, at: str, n: str, when: int) -> Planted:
        return _sentence(f"The {name} {at} produced {n} tonnes of {_WORKS[at]} in {when}.")

    return Needle(
        "number",
        f"How many tonnes of {_WORKS[work]} did the {names[0]} {work} produce in {year}?",
        (tonnes[0],),
        (output(names[0], work, tonnes[0], year),),
        (
            output(names[0], work, tonnes[1], other_year),
            output(names[0], other_work, tonnes[2], year),
            output(names[1], work, tonnes[3], year),
        ),
    )


def _code(chooser: random.Random, names: Sequence[str]) -> Needle:
    vault, *others = chooser.sample(_VAULTS, 3)
    words = chooser.sample(_CODES, 4)

    def entry(which: str, place: str, word: str) -> Planted:
        return _sentence(f"The word that opens the {which} vault at {place} is {word}.")

    return Needle(
        "code",
        f"What is the password of the {vault} vault at {names[0]}?",
        (words[0],),
        (entry(vault, names[0], words[0]),),
        (
            entry(others[0], names[0], words[1]),
            entry(others[1], names[0], words[2]),
            entry(vault, names[1], words[3]),
        ),
    )


def _event(chooser: random.Random, names: Sequence[str]) -> Needle:
    office, other_office = chooser.sample(_OFFICES, 2)
    dates = [
        f"{chooser.randint(1, 28)} {month} {year}"
        for month, year in zip(
            chooser.sample(_MONTHS.split(), 4), chooser.sample(range(1841, 1940), 4), strict=True
        )
    ]
    person = f"{names[1]} {names[2]}"

    def oath(who: str, what: str, town: str, date: str) -> Planted:
        return _sentence(f"{who} was sworn in as {what} of {town} on {date}.")

    return Needle(
        "event",
        f"When did {person} become {office} of {names[0]}?",
        (dates[0],),
        (oath(person, office, names[0], dates[0]),),
        (
            oath(person, other_office, names[0], dates[1]),
            oath(person, office, names[3], dates[2]),
            oath(f"{names[4]} {names[5]}", office, names[0], dates[3]),
        ),
    )


def _row(chooser: random.Random, names: Sequence[str]) -> Needle:
    year = chooser.randint(1851, 1930)
    years = [year, year + 1, year + 2]

    def table(what: str) -> tuple[str, list[list[str]]]:
        stations = list(names[:6])
        chooser.shuffle(stations)
        figures = [[f"{chooser.randint(1_000, 9_999):,}" for _ in years] for _ in stations]
        rows = [[name, *cells] for name, cells in zip(stations, figures, strict=True)]
        head = f"{what} Handled by Station\n\n{' | '.join(['Station', *map(str, years)])}"
        lines = "\n".join(" | ".join(row) for row in rows)
        return f"\n\n{head}\n{lines}\n\n", rows

    text, rows = table("Parcels")
    row = next(one for one in rows if one[0] == names[0])
    other, _ = table("Telegrams")
    return Needle(
        "row",
        f"How many parcels were handled by the station {names[0]} in {years[1]}?",
        (row[2],),
        (Planted(text, " | ".join(row)),),
        (Planted(other, ""),),
    )


def _clause(chooser: random.Random, names: Sequence[str]) -> Needle:
    days = [str(n) for n in chooser.sample(range(11, 180), 4)]

    def clause(who: str, whom: str, n: str, matter: str = "supply") -> Planted:
        return _sentence(
            f"{who} may end the {matter} agreement with {whom} on {n} days' written notice."
        )

    return Needle(
        "clause",
        f"How much notice must {names[0]} give {names[1]} to terminate the supply agreement?",
        (f"{days[0]} days",),
        (clause(names[0], names[1], days[0]),),
        (
            clause(names[1], names[0], days[1]),
            clause(names[0], names[2], days[2]),
            clause(names[0], names[1], days[3], "lease"),
        ),
    )


def _meaning(chooser: random.Random, _names: Sequence[str]) -> Needle:
    (needle, question), *others = chooser.sample(_MEANINGS, 1 + N_DISTRACTORS)
    return Needle(
        "meaning",
        question,
        (needle,),
        (_sentence(needle),),
        tuple(_sentence(sentence) for sentence, _ in others),
    )


def _pair(chooser: random.Random, names: Sequence[str]) -> Needle:
    depths = [str(n) for n in chooser.sample(range(12, 400), 5)]

    def sounding(name: str, n: str) -> Planted:
        return _sentence(f"Divers found the bottom of Lake {name} at {n} metres.")

    return Needle(
        "pair",
        f"Which is deeper, Lake {names[0]} or Lake {names[1]}?",
        (f"Lake {names[0] if int(depths[0]) > int(depths[1]) else names[1]}",),
        (sounding(names[0], depths[0]), sounding(names[1], depths[1])),
        tuple(sounding(name, n) for name, n in zip(names[2:5], depths[2:], strict=True)),
    )


def _chain(chooser: random.Random, names: Sequence[str]) -> Needle:
    kind = chooser.choice(CHAINS)
    first, second, question = map(chooser.choice, (kind.first, kind.second, kind.questions))
    numbers = chooser.sample(range(101, 1000), 3)
    links = [
        (names[2 * i], names[2 * i + 1], str(numbers[i]) if kind.is_number else names[5 + i])
        for i in range(2)
    ]
    (a, b, value), (other_a, other_b, other_value) = links
    return Needle(
        "chain",
        question.format(a=a, b=b, value=value),
        (value,),
        (_sentence(first.format(a=a, b=b)), _sentence(second.format(b=b, value=value))),
        (
            _sentence(first.format(a=other_a, b=other_b)),
            _sentence(second.format(b=other_b, value=other_value)),
        ),
    )


def _sentence(text: str) -> Planted:
    return Planted(text, text)


MAKERS: Mapping[str, Make] = {
    "number": _number,
    "code": _code,
    "event": _event,
    "row": _row,
    "clause": _clause,
    "meaning": _meaning,
    "pair": _pair,
    "chain": _chain,
}
"""By kind. `pair` and `chain` have two needles: in a pair the question names both, in a chain the
first names what the second tells of."""
KINDS = tuple(MAKERS)


def checked_kinds(names: Sequence[str]) -> tuple[str, ...]:
    """Names of kinds, each once.

    Raises:
        ConfigError: When there is no such kind.
    """
    for name in names:
        if name not in MAKERS:
            raise ConfigError(f"No kind of needle {name!r}.", f"Kinds are: {', '.join(KINDS)}.")
    return tuple(dict.fromkeys(names))
