"""Owns what the wording of a request asks for that is worth training on, by words that occur near one another.

A weight, never a proof: tutors ask for reasoning, evaluations grade, editors rewrite. Each target says by which words
it is known and who else uses them. Knows no request, only the hashes of words, so that no text is searched twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from proxy.events.content import TARGETS, Target
from proxy.sketch import Hashes, TextHash, Words, constant

_THOUGHT, _WRITTEN, _RUBRIC, _SCORE, _ANSWER, _TRACE, _REWRITE, _CODE = (1 << bit for bit in range(8))

_VOCABULARY = {
    # REASONING is _THOUGHT beside _WRITTEN: the thinking that is otherwise not shown, and that it be written out.
    # Others: tutors and their pupils, audit and explainability products.
    _THOUGHT: """reasoning thinking thought thoughts thoughtful cot rationale deliberation deliberations deliberate
        consideration considerations ponder pondering musings mind workings worklog notebook scratch derivation
        gedanken gedankengang gedankengänge überlegung überlegungen denkprozess begründung nachdenken denkweg
        raisonnement réflexion réflexions pensée pensées cheminement
        razonamiento razonamientos pensamiento pensamientos pensando
        raciocínio pensamento pensamentos ragionamento pensiero pensieri
        рассуждение рассуждения рассуждений рассуждать мысли мыслей размышления размышлений
        推理 思考 思维 思路 推論 推演 想法 脑中 頭の 추론 사고 생각""",
    _WRITTEN: """verbatim inner internal internally hidden trace traces chain articulate aloud monologue scratchpad
        step steps character tag tags unabridged unfiltered unpolished narrate narrated transcribe dictate
        intermediate backtrack backtracking detour detours discarded rejected hesitation hesitations diary journal
        wörtlich innere inneren innerer schritt vollständig ungekürzt lückenlos verworfene umwege zwischenschritte
        étape étapes interne internes intérieur intégralement hésitations détaillé intermédiaires
        paso pasos interno internos íntegro textualmente dudas comprobaciones descartadas
        passo passos passaggi etapas dúvidas
        шаг шагом шаги внутренние внутренний внутренних дословно сокращений сомнениями проверками подробно
        过程 逐步 一步 步骤 完整 内部 原文 逐字 原原 犹豫 试错 段階 内面 途中 迷い 標签 标签 逐語 内心 단계 과정""",
    # GRADING is _RUBRIC alone, or _SCORE beside _ANSWER. Others: evaluations, teachers, quality control.
    _RUBRIC: """rubric rubrics pairwise bewertungsraster barème rúbrica рубрика рубрике 细则""",
    _SCORE: """score scores scoring grade grades grading grader judge judges judging judgement rating ratings
        bewerte bewerten bewertung punktzahl note évalue évaluer notation evalúa evaluar califica puntuación
        оцени оцените оценка оценку баллов 评分 打分 评判 评价 採点 評価""",
    _ANSWER: """criteria criterion response responses answer answers candidate candidates assistant completion
        kriterien kriterium antwort antworten critères critère réponse réponses criterios criterio respuesta respuestas
        критерии критериям критериев ответ ответа ответы ответов 标准 回答 答案 回复 基準""",
    # CLEANING is _TRACE beside _REWRITE: harvested sessions made fit to train on. Others: editors, translators of logs.
    _TRACE: """trace traces trajectory trajectories transcript transcripts reasoning memory session sessions log logs
        record derivation derivations
        gedankengang transkript protokoll trajectoire transcription raisonnement trayectoria transcripción razonamiento
        траектория траекторию рассуждение рассуждения 轨迹 推理 思维 记录 軌跡 推論""",
    _REWRITE: """rewrite rewrites rewriting rewritten rephrase clean cleaned cleaning cleanup translate translated
        translating polish polished convert converted reformat reformatted normalise normalize
        umschreiben übersetze übersetzen bereinige bereinigen réécris réécrire traduis traduire nettoie nettoyer
        reescribe reescribir traduce traducir limpia limpiar
        перепиши переписать переведи перевести очисти очистить 改写 翻译 润色 清洗 整理 翻訳 整形 清書""",
    # CODE is two of these, or a block of code. Others: every developer.
    _CODE: """function functions method methods repository repo diff patch bug bugs refactor compile compiler unittest
        pytest python javascript typescript java rust golang kotlin sql api codebase traceback exception class import
        funktion fonction función функция код 代码 函数 関数""",
}
_BLOCK_OF_CODE = b"```"
_NEAR = 4096
"""Bytes at either end of a text that are searched for a block of code."""

_SIEVED = 14
_TOGETHER = 16
"""Words from the first to the last of those that ask for one thing."""

Hit = tuple[int, int]
"""The number of a word, and what it means: a bit set."""


class Wording:
    """The vocabulary, as hashes under one key."""

    def __init__(self, texts: TextHash) -> None:
        self._words: dict[int, int] = {}
        self._pairs: dict[int, int] = {}
        for meaning, entries in _VOCABULARY.items():
            for entry in entries.split():
                words = texts.words(entry.casefold().encode())
                self._learn(words, texts.pairs(words), meaning)
        self._maybe_words = _sieve(self._words)
        self._maybe_pairs = _sieve(self._pairs)

    def hits(self, words: Words, pairs: Hashes | None = None) -> list[Hit]:
        """Where the vocabulary occurs, in order; `pairs` are for scripts without spaces."""
        hits = _found(words.hashes, self._maybe_words, self._words)
        if pairs is not None and (more := _found(pairs, self._maybe_pairs, self._pairs)):
            hits = sorted(hits + more)
        return hits

    def _learn(self, words: Words, pairs: Hashes, meaning: int) -> None:
        """A word of a script with spaces, or the first two characters of one without."""
        table, hashes = (self._words, words.hashes) if len(words.hashes) == 1 else (self._pairs, pairs)
        entry = int(hashes[0])
        table[entry] = table.get(entry, 0) | meaning


def targets_of(hits: Sequence[Hit], spans: Iterable[tuple[int, int]]) -> int:
    """Bit set over TARGETS. Each span of words stands for itself."""
    found = 0
    for start, end in spans if hits else ():
        met, code = 0, 0
        for place, meaning in hits:
            if start <= place < end:
                met |= meaning
                code += meaning >> 7
        found |= _meant(met, code)
    return found


def aim_of(hits: Sequence[Hit]) -> int | None:
    """At which word what is worth training on is first asked for; None for nowhere.

    The words that ask for it stand close together there: in a long text each of them is somewhere.
    """
    meant = 0
    for _, meaning in hits:
        meant |= meaning
    if not _meant(meant, 0):
        return None
    near: deque[Hit] = deque()
    for place, meaning in hits:
        while near and place - near[0][0] > _TOGETHER:
            near.popleft()
        near.append((place, meaning))
        met = 0
        for _, other in near:
            met |= other
        if _meant(met, 0):
            return near[0][0]
    return None


def has_code_block(text: bytes) -> bool:
    if text.rfind(_BLOCK_OF_CODE, 0, _NEAR) >= 0:
        return True
    return len(text) > _NEAR and text.rfind(_BLOCK_OF_CODE, -_NEAR) >= 0


def target_bits(*targets: Target) -> int:
    return sum(1 << TARGETS.index(target) for target in targets)


REASONING, GRADING, CLEANING, TOOLS, CODE = (target_bits(target) for target in TARGETS)


def _meant(met: int, code: int) -> int:
    targets = 0
    if met & _THOUGHT and met & _WRITTEN:
        targets |= REASONING
    if met & _RUBRIC or (met & _SCORE and met & _ANSWER):
        targets |= GRADING
    if met & _TRACE and met & _REWRITE:
        targets |= CLEANING
    if code >= 2:
        targets |= CODE
    return targets


def _sieve(table: dict[int, int]) -> npt.NDArray[np.bool_]:
    """By a hash's upper bits: whether any entry begins with them."""
    sieve = np.zeros(1 << _SIEVED, np.bool_)
    sieve[[entry >> 64 - _SIEVED for entry in table]] = True
    return sieve


def _found(hashes: Hashes, sieve: npt.NDArray[np.bool_], table: dict[int, int]) -> list[Hit]:
    # As signed numbers, which they fit into: an index of another type would be converted first.
    places = sieve[(hashes >> _UPPER).view(np.int64)].nonzero()[0]
    if not len(places):
        return []
    near = zip(places.tolist(), hashes[places].tolist(), strict=True)
    return [(place, table[entry]) for place, entry in near if entry in table]


_UPPER = constant(64 - _SIEVED)
