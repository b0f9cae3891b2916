"""Owns the table of the built-in families: what each is made of, and of which kinds it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import count
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

from proxy.simulate.traffic.texts import abroad, agentic, judging, office, problems
from proxy.simulate.traffic.texts.grammar import Grammar, Vocabulary
from proxy.simulate.traffic.texts.prompt import Prompt, Turn
from proxy.simulate.traffic.texts.systems import system_prompt
from proxy.simulate.traffic.texts.words import SHARED

REMARKS = Grammar(office.SENTENCES, SHARED)
"""Single sentences of plain prose."""


class Written:
    """A family of single turns from one grammar."""

    def __init__(self, kinds: str, forms: Sequence[str], words: Vocabulary) -> None:
        self.kinds = frozenset(kinds.split())
        self._forms, self._words = forms, words

    @cached_property
    def grammar(self) -> Grammar:
        """Made when it is first needed."""
        return Grammar(self._forms, {**SHARED, **self._words})

    def draw(self, rng: Random) -> Prompt:
        """One prompt."""
        return Prompt(self.grammar.draw(rng))

    def deal(self, rng: Random) -> Iterator[Prompt]:
        """Every prompt once; more than anybody asks for."""
        return map(Prompt, self.grammar.deal(rng))


class Documents:
    """Long texts to be worked on: paragraphs of prose, 300 to 6,000 characters."""

    kinds = frozenset({"benign", "batch"})

    def draw(self, rng: Random) -> Prompt:
        """One text."""
        length = min(75, 4 + int(rng.lognormvariate(2.3, 0.7)))
        sentences = [REMARKS.draw(rng) for _ in range(length)]
        return Prompt("\n\n".join(" ".join(sentences[at : at + 5]) for at in range(0, length, 5)))

    def deal(self, rng: Random) -> Iterator[Prompt]:
        """Texts without end; none comes twice but by an accident that nobody lives to see."""
        return (self.draw(rng) for _ in count())


class Sessions:
    """Tasks for an agent, with its tools; `steps` rounds of tool calls have been made already."""

    def __init__(self, kinds: str, steps: tuple[int, int]) -> None:
        self.kinds = frozenset(kinds.split())
        self._steps = steps

    @cached_property
    def _tasks(self) -> Grammar:
        return Grammar(agentic.TASKS, SHARED | agentic.TASK_WORDS)

    def draw(self, rng: Random) -> Prompt:
        """One task."""
        return self._set(self._tasks.draw(rng), rng)

    def deal(self, rng: Random) -> Iterator[Prompt]:
        """Every task once."""
        return (self._set(text, rng) for text in self._tasks.deal(rng))

    def _set(self, text: str, rng: Random) -> Prompt:
        tools = agentic.toolset(rng)
        turns = agentic.steps(rng, tools, rng.randint(*self._steps))
        messages = (Turn("user", text), *turns) if turns else ()
        return Prompt(text, system_prompt(rng), tools, messages)


BUILT_IN: dict[str, Written | Documents | Sessions] = {
    "agent-sessions": Sessions("attack benign tools code", (1, 6)),
    "bug-reports": Written("benign code", problems.BUGS, problems.BUG_WORDS),
    "chinese-chat": Written("benign chat abroad", abroad.CHINESE, abroad.CHINESE_WORDS),
    "chinese-problems": Written("attack benign math abroad", abroad.CHINESE_PROBLEMS, abroad.CHINESE_WORDS),
    "coding-tasks": Written("attack benign code", problems.CODING_TASKS, problems.CODING_WORDS),
    "documents": Documents(),
    "essays": Written("benign writing", office.ESSAYS, office.ESSAY_WORDS),
    "extraction": Written("benign batch", office.EXTRACTIONS, office.EXTRACTION_WORDS),
    "german-chat": Written("benign chat abroad", abroad.GERMAN, abroad.GERMAN_WORDS),
    "gradings": Written("attack benign judging batch", judging.GRADINGS, judging.GRADING_WORDS),
    "japanese-chat": Written("benign chat abroad", abroad.JAPANESE, abroad.JAPANESE_WORDS),
    "letters": Written("benign writing", office.LETTERS, office.LETTER_WORDS),
    "questions": Written("benign chat", office.QUESTIONS, office.QUESTION_WORDS),
    "reviews": Written("benign batch", office.REVIEWS, office.REVIEW_WORDS),
    "russian-chat": Written("benign chat abroad", abroad.RUSSIAN, abroad.RUSSIAN_WORDS),
    "spanish-chat": Written("benign chat abroad", abroad.SPANISH, abroad.SPANISH_WORDS),
    "support": Written("benign chat", office.SUPPORT, office.SUPPORT_WORDS),
    "tool-calls": Sessions("attack benign tools", (0, 0)),
    "traces": Written("attack judging", judging.TRACES, judging.TRACE_WORDS),
    "translations": Written("benign writing", office.TRANSLATIONS, office.TRANSLATION_WORDS),
    "word-problems": Written("attack benign math", problems.WORD_PROBLEMS, problems.PROBLEM_WORDS),
}
"""Name: family."""
