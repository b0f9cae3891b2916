"""Owns the form of answers: the headers they are given, and next to nothing of aiohttp's own."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import HttpVersion11, web

from proxy.dialects.llm import ErrorAnswer

_INVENTED = ("Content-Type", "Server")


class Answer(web.StreamResponse):
    """An answer with just these headers; aiohttp adds `Date` where there is none, `Connection`, and the framing.

    The head leaves at once where more may be long in coming, else together with the body's first bytes.
    """

    def __init__(self, status: int, reason: str | None, headers: Iterable[tuple[str, str]]) -> None:
        super().__init__(status=status, reason=reason)
        for name, value in headers:
            self.headers.add(name, value)

    async def _prepare_headers(self) -> None:
        assert self._req is not None
        headers = self.headers
        unsized = self._send_headers_immediately = self.content_length is None
        if unsized and self._req.version < HttpVersion11:
            # Only the end of the connection can tell such a client that it has all.
            self.force_close()
        invented = [name for name in _INVENTED if name not in headers]
        await super()._prepare_headers()
        for name in invented:
            headers.popall(name, None)


async def answer_whole(
    request: web.BaseRequest, error: ErrorAnswer, more: Iterable[tuple[str, str]], *, close: bool
) -> Answer:
    """Sends an answer of the proxy's own. ConnectionError where the client is gone."""
    response = Answer(error.status, None, (*error.headers, *more, ("Content-Length", str(len(error.body)))))
    if close or error.status == 400 or not request.content.at_eof():
        # What is left of the body, or of what only looked like a request, must not be taken for the next one.
        response.force_close()
    await response.prepare(request)
    await response.write_eof(b"" if request.method == "HEAD" else error.body)
    return response
