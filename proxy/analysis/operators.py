"""Owns operators' words as they stand in Redis: read whole, and written by one script with a new version."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from proxy.analysis.keys import Keys
from proxy.analysis.link import Link, Script
from proxy.analysis.wire import Said, encode_said, words_of
from proxy.clock import unique_id

_SAY = Script("say")


async def words_said(link: Link, keys: Keys) -> dict[str, Said]:
    """What operators have said. StoreError."""
    return words_of(await link.ask(lambda client: client.hgetall(keys.words)))


async def write_words(link: Link, keys: Keys, words: Mapping[str, Said], *, of_records: bool) -> bool:
    """Writes these words, `of_records` only where the campaign has a record; whether it wrote any. StoreError."""
    fields = chain.from_iterable((name, encode_said(word)) for name, word in words.items())
    arguments = (unique_id("w-"), int(of_records), *fields)
    return bool(await link.run(_SAY, (keys.words, keys.words_version, keys.records), arguments))
