"""Reading twice, where the first reading only leads to the place of the answer.

`What is the home port of the vessel that serves the Velmora route?` is answered by two sentences:
one says which vessel that is; the other, pages away, says her home port, and is one of many about
home ports as long as the vessel's name is not known. So what the first reading leaves open is read
again together with the name it found.

The scores do not tell when that is needed: a first sentence that leads on scores as high as one
that answers (trainer/README.md has the figures). What tells is what it says: it holds the rarest
word of the question and leaves others open, and it names somebody or something that is mentioned
elsewhere, seldom, and nowhere in what was found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from docqa.engine.types import Document, Evidence
from docqa.engine.words import CALENDAR, question_stems, stems, telling_words

AUTO_HOPS = 2
"""Most readings where the first one decides whether there is another."""
N_LEADING = 3
"""A sentence that leads on is looked for among this many of the best."""
MIN_OPEN_SHARE = 0.2
"""Of the question's words that the documents know: what a sentence that leads on leaves open."""
MAX_MENTIONS = 3
"""A name that is mentioned more often stands in too many places to lead to one."""
MIN_NAME_CHARS = 3


@dataclass(frozen=True, slots=True)
class Lead:
    """What a further reading asks."""

    names: tuple[str, ...]
    """As the sentence that leads on writes them."""
    open_words: tuple[str, ...]
    """Words of the question that this sentence does not hold."""

    @property
    def question(self) -> str:
        """What is read: a name, and what is wanted of it."""
        return " ".join((*self.open_words, *self.names))


def find_lead(
    question: str,
    evidence: Sequence[Evidence],
    documents: Sequence[Document],
    *,
    is_asked_for: bool = False,
) -> Lead | None:
    """Where to read on; None where the evidence leads nowhere else.

    Args:
        question: As it was read last.
        evidence: What that reading found, best first.
        documents: What is read.
        is_asked_for: Follow names that the evidence itself tells of, too.
    """
    counts = count_words(question_stems(question), documents)
    by_id = {document.id: document for document in documents}
    for one in evidence[:N_LEADING]:
        document = by_id[one.document_id]
        known = set(stems(_with_titles(document, one.sentence_id)))
        if not _holds_a_rarest(known, counts):
            continue
        still_open = [word for word in counts if word not in known]
        if not still_open or len(still_open) < MIN_OPEN_SHARE * len(counts):
            return None
        others = () if is_asked_for else (other for other in evidence if other is not one)
        shown = "\n".join(by_id[e.document_id].sentence_text(e.sentence_id) for e in others)
        names = find_names(document.sentence_text(one.sentence_id), shown, counts, documents)
        return Lead(names, _words_besides(known, question)) if names else None
    return None


def find_names(
    text: str, shown: str, asked: Counter[str], documents: Sequence[Document]
) -> tuple[str, ...]:
    """Names in a text that lead elsewhere.

    Args:
        text: A sentence of the documents.
        shown: What else was found: a name that occurs here leads nowhere new.
        asked: Stems of the question, which are no news either.
        documents: Where the names are looked for.
    """
    found = [name for name in dict.fromkeys(_names(text)) if _is_news(name, shown, asked)]
    if not found:
        return ()
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, found))})\b", re.IGNORECASE)
    written = Counter(match for page in _pages(documents) for match in pattern.findall(page))
    here = Counter(pattern.findall(text))
    return tuple(name for name in found if _leads_on(name, here, written))


def count_words(words: Sequence[str], documents: Sequence[Document]) -> Counter[str]:
    """How often each stem occurs in the documents, those left out that do not."""
    if not words:
        return Counter()
    # A stem is a prefix of its words but for a last y: companies.
    prefixes = "|".join(re.escape(word.removesuffix("y")) for word in words)
    pattern = re.compile(rf"(?<!\w)(?:{prefixes})[\w'’]*", re.IGNORECASE)
    written = Counter(match for page in _pages(documents) for match in pattern.findall(page))
    counts: Counter[str] = Counter()
    for word, n in written.items():
        for stem in {*stems(word)} & {*words}:
            counts[stem] += n
    return Counter({word: counts[word] for word in words if counts[word]})


def mark_hop(
    evidence: Sequence[Evidence], before: Sequence[Evidence], hop: int
) -> tuple[Evidence, ...]:
    """Evidence with the reading that found each sentence: `hop`, unless it was there before."""
    hops = {(one.document_id, one.sentence_id): one.hop for one in before}
    return tuple(
        replace(one, hop=hops.get((one.document_id, one.sentence_id), hop)) for one in evidence
    )


def _words_besides(known: set[str], question: str) -> tuple[str, ...]:
    """The telling words of a question that a sentence does not hold."""
    return tuple(word for word in telling_words(question) if not {*stems(word)} & known)


def _holds_a_rarest(known: set[str], counts: Counter[str]) -> bool:
    rarest = min(counts.values(), default=0)
    return any(n == rarest and word in known for word, n in counts.items())


def _names(text: str) -> Iterator[str]:
    """Words with a capital that does not come from beginning the sentence."""
    for found in re.finditer(r"\w+", text):
        word = found[0]
        if word[0].isupper() and (found.start() > 0 or word.isupper()):
            yield word


def _is_news(name: str, shown: str, asked: Counter[str]) -> bool:
    return (
        len(name) >= MIN_NAME_CHARS
        and name.lower() not in CALENDAR
        and not {*stems(name)} & {*asked}
        and not re.search(rf"\b{re.escape(name)}\b", shown, re.IGNORECASE)
    )


def _leads_on(name: str, here: Counter[str], written: Counter[str]) -> bool:
    """Whether it is mentioned elsewhere, seldom, and never in small letters as a word is."""
    n_written = sum(n for word, n in written.items() if word.lower() == name.lower())
    n_here = sum(n for word, n in here.items() if word.lower() == name.lower())
    return n_here < n_written <= MAX_MENTIONS and not written[name.lower()]


def _with_titles(document: Document, sentence_id: int) -> str:
    """A sentence with the heading above it and, for a row, the names of its columns."""
    sentence = document.sentences[sentence_id]
    ids = (sentence.heading, sentence.header, sentence_id)
    return "\n".join(document.sentence_text(one) for one in ids if one is not None)


def _pages(documents: Sequence[Document]) -> Iterator[str]:
    return (page.text for document in documents for page in document.pages)
