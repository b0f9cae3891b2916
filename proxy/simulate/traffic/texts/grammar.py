"""Owns the making of many distinct texts from few lines: forms with slots, numbered, so that each is dealt once.

A form is text with slots: `{city}` is a word of the vocabulary `city`, `{city:2}` a second, independent one, `{#3-40}`
a number, `{#3-40:b}` a second one; a slot that is written twice has the same value twice. Words may be forms too.
Nothing but the caller's Random decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

_SLOT = re.compile(r"\{([^{}]+)\}")
_MOST_FORMS = 20_000

Vocabulary = Mapping[str, Sequence[str]]


class Form:
    """One text with its slots. `size`: how many texts it makes."""

    __slots__ = ("_choices", "_order", "_template", "size")

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        slots = _SLOT.findall(text)
        keys = list(dict.fromkeys(slots))
        found = [_choices(key, vocabulary) for key in keys]
        self._choices = [(choices, len(choices)) for choices in found]
        self._order = [keys.index(key) for key in slots] if len(slots) > len(keys) else None
        self._template = _SLOT.sub("%s", text.replace("%", "%%"))
        self.size = 1
        for _, count in self._choices:
            self.size *= count

    def draw(self, rng: Random) -> str:
        """A text, each slot drawn for itself."""
        chance = rng.random
        return self._filled([choices[int(chance() * count)] for choices, count in self._choices])

    def text(self, number: int) -> str:
        """The text of that number, from 0 up to and without `size`."""
        values = []
        for choices, count in self._choices:
            number, at = divmod(number, count)
            values.append(choices[at])
        return self._filled(values)

    def _filled(self, values: list[object]) -> str:
        if self._order is not None:
            values = [values[at] for at in self._order]
        return self._template % tuple(values)


class Grammar:
    """Forms that are drawn alike often."""

    def __init__(self, forms: Sequence[str], vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._texts = _flat(forms, vocabulary)
        self._forms: list[Form | None] = [None] * len(self._texts)

    @property
    def size(self) -> int:
        """How many texts there are."""
        return sum(self._form(at).size for at in range(len(self._forms)))

    def draw(self, rng: Random) -> str:
        """One text; may come again."""
        return self._form(int(rng.random() * len(self._forms))).draw(rng)

    def deal(self, rng: Random) -> Iterator[str]:
        """Every text once, in an order of the rng's."""
        hands: dict[int, Iterator[str]] = {}
        left = list(range(len(self._forms)))
        while left:
            place = int(rng.random() * len(left))
            at = left[place]
            if at not in hands:
                hands[at] = _shuffled(self._form(at), rng)
            text = next(hands[at], None)
            if text is None:
                left[place] = left[-1]
                left.pop()
            else:
                yield text

    def _form(self, at: int) -> Form:
        form = self._forms[at]
        if form is None:
            form = self._forms[at] = Form(self._texts[at], self._vocabulary)
        return form


def _choices(key: str, vocabulary: Vocabulary) -> Sequence[object]:
    name = key.split(":", maxsplit=1)[0]
    if name.startswith("#"):
        least, most = name[1:].split("-")
        return range(int(least), int(most) + 1)
    return vocabulary[name]


def _flat(forms: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """The forms with every word that is a form itself written out."""
    flat, waiting = [], list(forms)
    forming = {name for name, words in vocabulary.items() if any("{" in word for word in words)}
    while waiting:
        form = waiting.pop()
        nested = next((key for key in _SLOT.findall(form) if key.split(":")[0] in forming), None)
        if nested is None:
            flat.append(form)
            if len(flat) > _MOST_FORMS:
                raise ValueError(f"more than {_MOST_FORMS} forms come of {forms[0]!r}")
        else:
            name, _, which = nested.partition(":")
            waiting.extend(form.replace(f"{{{nested}}}", _apart(word, which)) for word in vocabulary[name])
    flat.reverse()
    return flat


def _apart(word: str, which: str) -> str:
    """A word that is a form, with slots of its own where it stands for a slot's second value."""
    return _SLOT.sub(lambda slot: f"{{{slot[1]}{'' if ':' in slot[1] else ':'}'{which}}}", word) if which else word


def _shuffled(form: Form, rng: Random) -> Iterator[str]:
    """Every text of a form once: a keyed bijection on the next power of two, walked past numbers that no text has."""
    bits = max(2, (form.size - 1).bit_length())
    mask, half = (1 << bits) - 1, (bits + 1) // 2
    keys = [(rng.getrandbits(bits) | 1, rng.getrandbits(bits)) for _ in range(3)]
    for start in range(mask + 1):
        number = start
        for factor, addend in keys:
            number = (number * factor + addend) & mask
            number ^= number >> half
        if number < form.size:
            yield form.text(number)
