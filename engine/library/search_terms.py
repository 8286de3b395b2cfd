"""What the search index holds, and how words a person types become a search.

Chinese and Japanese are written without spaces: their characters are indexed one by one and a
run of them is searched as a phrase.
"""

from __future__ import annotations

import re

_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
_TERM = re.compile(r'"([^"]*)"|(\S+)')
_WORD = re.compile(r"\w")


def indexed_text(text: str) -> str:
    """A sentence as the index takes it."""
    return _UNSPACED.sub(r" \1 ", text.replace("\0", " "))


def search_expression(words: str) -> str:
    """An FTS5 expression that asks for all of the words; what stands in quotes is a phrase.

    Every term is quoted, so the operators of FTS5 (`AND`, `*`, `-`, `:`) are words like others. A
    term is asked for once: FTS5 would look up and rank it each time it is named.
    """
    terms = [phrase or word.replace('"', " ") for phrase, word in _TERM.findall(words)]
    quoted = (f'"{indexed_text(term).strip()}"' for term in terms if _WORD.search(term))
    return " ".join(dict.fromkeys(quoted))
