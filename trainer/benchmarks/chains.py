"""Kinds of questions that two sentences answer together, and the names in them.

The first sentence of a chain names what the second one tells of: `The Velmora line is served by the
Kestrin. … The home port of the Kestrin is Ostwin.` Names are made up, so no model knows them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

_ONSETS = "b br c d dr f g gl h k l m n p qu r s st t th v w z".split()
_VOWELS = "a e i o u ai ea ou".split()
_CODAS = "l m n r s t nd rk sh st".split()


@dataclass(frozen=True, slots=True)
class Kind:
    """Phrasings of one kind of chain, with {a} for what is asked about, {b} for what links the two
    sentences, and {value} for what answers."""

    first: tuple[str, ...]
    """Says which {b} belongs to {a}."""
    second: tuple[str, ...]
    """Says the {value} of {b}."""
    questions: tuple[str, ...]
    """Asks for the {value} without naming {b}."""
    is_number: bool = False
    """Whether {value} is a number rather than a name."""


KINDS = (
    Kind(
        ("The {a} route is served by the motor vessel {b}.",
         "Since last spring the {b} has sailed on the {a} route, in all weathers."),
        ("The home port of the {b} is {value}.",
         "Every night the {b} returns to her home port, which is {value}."),
        ("What is the home port of the vessel that serves the {a} route?",
         "Which home port does the ship on the {a} route have?"),
    ),
    Kind(
        ("Project {a} is led by Dr. {b}, who reports to the board.",
         "The board put {b} in charge of project {a}."),
        ("Before joining, {b} studied at the University of {value}.",
         "{b} holds a degree from the University of {value}."),
        ("At which university did the leader of project {a} study?",
         "Where did the person in charge of project {a} get a degree?"),
    ),
    Kind(
        ("In June {a} was bought by {b} for an undisclosed price.",
         "The acquisition of {a} by {b} was completed within the year."),
        ("{b} has its headquarters in {value}.",
         "The registered office of {b} has always been in {value}."),
        ("In which city is the company that bought {a} headquartered?",
         "Where is the registered office of the buyer of {a}?"),
    ),
    Kind(
        ("Patients of the {a} cohort received {b} throughout.",
         "In the {a} cohort treatment began with {b}."),
        ("The daily dose of {b} was {value} mg.",
         "{b} was given at a dose of {value} mg a day."),
        ("What daily dose did the patients of the {a} cohort receive?",
         "How many mg a day were given in the {a} cohort?"),
        is_number=True,
    ),
    Kind(
        ("Orders from the {a} region fall under the {b} schedule.",
         "For the {a} region the {b} schedule applies."),
        ("Under the {b} schedule, notice must be given {value} days in advance.",
         "The {b} schedule asks for a notice of {value} days."),
        ("How many days of notice do orders from the {a} region need?",
         "What notice period applies to the {a} region?"),
        is_number=True,
    ),
    Kind(
        ("The workshop in {a} works with the {b} press.",
         "A {b} press was installed in the {a} workshop."),
        ("The {b} press runs at a pressure of {value} bar.",
         "At full load the pressure in the {b} press reaches {value} bar."),
        ("At what pressure does the press in the {a} workshop run?",
         "How many bar does the press of the workshop in {a} reach?"),
        is_number=True,
    ),
    Kind(
        ("Old {a} left the house by the river to {b}.",
         "It was {b} who inherited the house of old {a}."),
        ("{b} had hidden the silver key in the chapel of {value}.",
         "Nobody knew that {b} kept the silver key in the chapel of {value}."),
        ("Where did the heir of old {a} hide the silver key?",
         "In which chapel was the silver key of the one who inherited the house of {a}?"),
    ),
    Kind(
        ("The {a} survey was paid for by the {b} Foundation.",
         "The {b} Foundation carried the cost of the {a} survey."),
        ("The {b} Foundation was set up by the brothers {value}.",
         "It was the family {value} that endowed the {b} Foundation."),
        ("Who set up the foundation that paid for the {a} survey?",
         "Which family endowed the foundation behind the {a} survey?"),
    ),
    Kind(
        ("Claims of the {a} branch are handled by the {b} office.",
         "The {b} office is responsible for claims of the {a} branch."),
        ("The {b} office can be reached by telephone at extension {value}.",
         "The telephone extension of the {b} office is {value}."),
        ("Under which telephone extension are claims of the {a} branch handled?",
         "What extension does the office responsible for the {a} branch have?"),
        is_number=True,
    ),
    Kind(
        ("The {a} bridge was designed by the architect {b}.",
         "For the {a} bridge the city hired the architect {b}."),
        ("{b} was born in the village of {value}.",
         "The village of {value} is where {b} came into the world."),
        ("In which village was the architect of the {a} bridge born?",
         "Where was the designer of the {a} bridge born?"),
    ),
)  # fmt: skip


def invent_names(chooser: random.Random, n: int, text: str) -> list[str]:
    """Names that look like names, each once, and none of them in a text."""
    known = text.lower()
    names: dict[str, None] = {}
    while len(names) < n:
        syllables = [
            chooser.choice(_ONSETS) + chooser.choice(_VOWELS)
            for _ in range(chooser.choice((1, 2, 2)))
        ]
        name = (
            "".join(syllables)
            + chooser.choice(_ONSETS)[0]
            + "".join((chooser.choice(_VOWELS)[0], chooser.choice(_CODAS)))
        ).capitalize()
        if name.lower() not in known:
            names[name] = None
    return list(names)
