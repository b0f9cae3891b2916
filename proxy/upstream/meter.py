"""Owns the reading of an answer while it is relayed: which tokens it used, and when it is at its end.

Compressed answers are decoded beside the relay, never in it: what the client gets is what the upstream sent.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.dialects.content_encoding import ContentDecoder, decoder, is_bomb
from proxy.dialects.dialect import Dialect
from proxy.dialects.llm import OPAQUE
from proxy.identity.header_names import HeadTable, last_places, names_of
from proxy.upstream.protocol import UpstreamAnswer

_READ_HERE = ("content-type", "content-encoding", "content-length", "transfer-encoding")

_HEADS: HeadTable[str, tuple[tuple[str, int], ...]] = HeadTable(lambda names: last_places(names, _READ_HERE))


class AnswerMeter:
    """Reads one answer. `strip_usage`: the stream's usage event was asked for by the proxy and is taken out again."""

    def __init__(self, dialect: Dialect, answer: UpstreamAnswer, *, strip_usage: bool) -> None:
        told = answer.headers
        headers = {name: told[place][1] for name, place in _HEADS[names_of(told)]}
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        self.event_stream = content_type == "text/event-stream"
        encoding = headers.get("content-encoding", "").strip().lower()
        plain = encoding in ("", "identity")
        self._decoder = None if plain or dialect.name == OPAQUE else decoder(encoding)
        self._encoded = self._decoded = 0
        self._blind = not plain and self._decoder is None
        self._plain = plain
        self.strips = strip_usage and plain and self.event_stream
        """Whether what is relayed is not, byte for byte, what was fed."""
        self._left = _length(headers)
        self.tokens = dialect.meter(event_stream=self.event_stream, strip_usage=self.strips)
        self._tally = self.tokens.tally
        framed = "content-length" in headers or "transfer-encoding" in headers
        marked = self.event_stream and not self._blind and dialect.name != OPAQUE and answer.status < 400
        self._needs_marker = marked and not framed
        self._ended_within = False
        self.is_truncated = False
        """Known after `finish`: only an end marker could have told a whole stream from a broken one, and none came."""

    @property
    def at_end(self) -> bool:
        """Nothing that counts follows: the dialect's end marker has come, or the last byte of a known length."""
        return self._tally.finished or self._left == 0

    @property
    def takes_event(self) -> bool:
        """Whether an event of the proxy's own can be put behind what was relayed so far, and be read."""
        return self.event_stream and self._plain and not self._ended_within and self.tokens.between_events

    @property
    def feeder(self) -> Callable[[bytes], bytes]:
        """What does all that `feed` does: where that is no more than to read tokens, their reader itself."""
        reads_only = self._left is None and self._decoder is None and not self._blind
        return self.tokens.feed if reads_only else self.feed

    def feed(self, chunk: bytes) -> bytes:
        """What to relay for `chunk`; the very same bytes unless usage is stripped."""
        if self._left is not None:
            left = self._left - len(chunk)
            self._left = left if left > 0 else 0
        if self.strips:
            return self.tokens.feed(chunk)
        if self._decoder is not None:
            self._feed_decoded(self._decoder, chunk)
        elif not self._blind:
            self.tokens.feed(chunk)
        return chunk

    def _feed_decoded(self, reader: ContentDecoder, chunk: bytes) -> None:
        """A bomb is read no further: its usage stays unknown."""
        decoded = reader.feed(chunk)
        self._encoded += len(chunk)
        self._decoded += len(decoded)
        if is_bomb(self._encoded, self._decoded):
            self._decoder, self._blind, self._needs_marker = None, True, False
        else:
            self.tokens.feed(decoded)

    def finish(self) -> bytes:
        """What was still held back when the answer ended; only a stripped stream holds anything."""
        if self._needs_marker:
            self._look_for_marker()
        held = self.tokens.finish()
        return held if self.strips else b""

    def _look_for_marker(self) -> None:
        """Lenient with upstreams that leave out the marker: a stream that told its usage, or an error, is whole."""
        self._ended_within = not self.tokens.between_events
        if self._ended_within:
            self.tokens.feed(b"\n\n")  # ends what was not ended; an event that was too large to be read stays so
        tally = self._tally
        told = tally.usage.output_tokens is not None if tally.is_over is None else tally.is_over
        known = tally.finished or tally.saw_error or told
        self.is_truncated = not known and self.tokens.between_events


def _length(headers: dict[str, str]) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None
