"""Raw answers of an upstream, ordinary and hostile; each is all that its connection says before it ends.

`differs` says, where the proxy's client and aiohttp's do not come to the same result, why; `method` is the request's.
"""

from __future__ import annotations

from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SIZED = OK + b"Content-Length: 5\r\n\r\n"


@dataclass(frozen=True)
class Raw:
    """`is_whole`: what the proxy takes it for, a whole answer or not; `kept`: whether its connection is used again."""

    answer: bytes
    is_whole: bool = True
    kept: bool = False
    method: str = "GET"
    differs: str = ""


STRICT = "aiohttp's parser is set to be lenient here; what two parsers may read differently is refused"
CODINGS = "the coding would be lost with the hop's header, and the client would get a body it cannot read"

AT_ONCE = "aiohttp gives a whole answer up where it reads what is behind it together with its head"

RAW_ANSWERS: dict[str, Raw] = {
    # Ordinary ones.
    "a sized body": Raw(SIZED + b"hello", kept=True),
    "an empty sized body": Raw(OK + b"Content-Length: 0\r\n\r\n", kept=True),
    "a length with zeros before it": Raw(OK + b"Content-Length: 0005\r\n\r\nhello", kept=True),
    "a length with blanks around it": Raw(OK + b"Content-Length:   5 \t\r\n\r\nhello", kept=True),
    "a chunked body": Raw(CHUNKED + b"5\r\nhello\r\n3\r\n yo\r\n0\r\n\r\n", kept=True),
    "an empty chunked body": Raw(CHUNKED + b"0\r\n\r\n", kept=True),
    "a chunk size in capitals with zeros": Raw(CHUNKED + b"000A\r\n0123456789\r\n0000\r\n\r\n", kept=True),
    "chunk extensions": Raw(CHUNKED + b'5;a;b=c;d="e f"\r\nhello\r\n0;last\r\n\r\n', kept=True),
    "trailers": Raw(CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n", kept=True),
    "chunked in capitals": Raw(OK + b"Transfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n", kept=True),
    "a body up to the end": Raw(OK + b"\r\nhello"),
    "an empty body up to the end": Raw(OK + b"\r\n"),
    "an answer in HTTP/1.0": Raw(b"HTTP/1.0 200 OK\r\n\r\nhello"),
    "a sized one in HTTP/1.0": Raw(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    "a kept one in HTTP/1.0": Raw(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", kept=True
    ),
    "a chunked one in HTTP/1.0": Raw(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
    "a connection to be closed": Raw(OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello"),
    "a connection to be closed, among other options": Raw(
        OK + b"Connection: X-A, Close\r\nContent-Length: 5\r\n\r\nhello"
    ),
    "no reason": Raw(b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", kept=True),
    "no reason and no blank": Raw(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", kept=True),
    "a reason in UTF-8": Raw("HTTP/1.1 200 Schön\r\nContent-Length: 0\r\n\r\n".encode(), kept=True),
    "an unheard-of status": Raw(b"HTTP/1.1 799 What\r\nContent-Length: 0\r\n\r\n", kept=True),
    "headers repeated and empty": Raw(OK + b"X-A: 1\r\nx-a: 2\r\nX-E:\r\nContent-Length: 0\r\n\r\n", kept=True),
    "a header in UTF-8": Raw("HTTP/1.1 200 OK\r\nX-A: grüß\r\nContent-Length: 0\r\n\r\n".encode(), kept=True),
    "empty lines before the answer": Raw(b"\r\n\r\n" + SIZED + b"hello", kept=True),
    "an upgrade that is only offered": Raw(
        OK + b"Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\nhello", kept=True
    ),
    # Answers that have no body.
    "to HEAD, with a length": Raw(SIZED, method="HEAD", kept=True),
    "to HEAD, chunked": Raw(CHUNKED, method="HEAD"),
    "to HEAD, without framing": Raw(OK + b"\r\n", method="HEAD"),
    "to HEAD, with a body all the same": Raw(SIZED + b"hello", method="HEAD", differs=AT_ONCE),
    "204": Raw(b"HTTP/1.1 204 No Content\r\n\r\n", kept=True),
    "204 with a length": Raw(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", kept=True),
    "204 that says it is chunked": Raw(b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", kept=True),
    "304 with a length": Raw(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", kept=True),
    "304 with a body all the same": Raw(
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", differs=AT_ONCE
    ),
    # Interim answers.
    "100 first": Raw(b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED + b"hello", kept=True),
    "103 with headers first": Raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + SIZED + b"hello", kept=True),
    "many first": Raw(b"HTTP/1.1 102 Processing\r\n\r\n" * 20 + SIZED + b"hello", kept=True),
    "100 with a length first": Raw(b"HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\n" + SIZED + b"hello", kept=True),
    "only 100": Raw(b"HTTP/1.1 100 Continue\r\n\r\n", is_whole=False),
    "101": Raw(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxyz",
        is_whole=False,
        differs="nobody here asks for another protocol, and none can be relayed",
    ),
    "101 without an upgrade": Raw(
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        is_whole=False,
        differs="nobody here asks for another protocol, and none can be relayed",
    ),
    "a status below 100": Raw(
        b"HTTP/1.1 099 What\r\nContent-Length: 0\r\n\r\n",
        is_whole=False,
        differs="no such status exists, and the proxy's server could not send it",
    ),
    # Answers that break off.
    "nothing": Raw(b"", is_whole=False),
    "half a status line": Raw(b"HTTP/1.1 20", is_whole=False),
    "half a head": Raw(OK + b"Content-Le", is_whole=False),
    "a head without its empty line": Raw(OK + b"Content-Length: 0\r\n", is_whole=False),
    "a sized body cut short": Raw(SIZED + b"hell", is_whole=False),
    "a chunk cut short": Raw(CHUNKED + b"5\r\nhel", is_whole=False),
    "a chunk size cut short": Raw(CHUNKED + b"5\r\nhello\r\n1", is_whole=False),
    "no last chunk": Raw(CHUNKED + b"5\r\nhello\r\n", is_whole=False),
    "no end of the trailers": Raw(CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n", is_whole=False),
    # More than an answer.
    "a second answer behind it": Raw(SIZED + b"hello" + SIZED + b"again"),
    "garbage behind it": Raw(SIZED + b"helloXX", differs=AT_ONCE),
    "garbage behind a connection to be closed": Raw(
        OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhelloXX", differs=AT_ONCE
    ),
    "a second answer behind chunks": Raw(CHUNKED + b"1\r\na\r\n0\r\n\r\n" + SIZED + b"again"),
    "a second answer behind 204": Raw(b"HTTP/1.1 204 No Content\r\n\r\n" + SIZED + b"again"),
    # Framing that two parsers might understand differently.
    "a length and chunked": Raw(
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", is_whole=False
    ),
    "chunked and a length": Raw(
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", is_whole=False
    ),
    "two lengths": Raw(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", is_whole=False),
    "one length twice": Raw(OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", is_whole=False),
    "a list of lengths": Raw(OK + b"Content-Length: 5, 5\r\n\r\nhello", is_whole=False),
    "a signed length": Raw(OK + b"Content-Length: +5\r\n\r\nhello", is_whole=False),
    "a negative length": Raw(OK + b"Content-Length: -5\r\n\r\nhello", is_whole=False),
    "a hexadecimal length": Raw(OK + b"Content-Length: 0x5\r\n\r\nhello", is_whole=False),
    "an empty length": Raw(OK + b"Content-Length: \r\n\r\nhello", is_whole=False),
    "a length beyond all bounds": Raw(OK + b"Content-Length: 99999999999999999999\r\n\r\nhello", is_whole=False),
    "another coding": Raw(OK + b"Transfer-Encoding: gzip\r\n\r\nhello", is_whole=False, differs=CODINGS),
    "another coding before chunked": Raw(
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", is_whole=False, differs=CODINGS
    ),
    "chunked before another coding": Raw(
        OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n1\r\na\r\n0\r\n\r\n", is_whole=False, differs=CODINGS
    ),
    "chunked twice": Raw(
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        is_whole=False,
        differs="a body chunked twice is not one chunked once",
    ),
    "an empty coding": Raw(OK + b"Transfer-Encoding: \r\n\r\nhello", is_whole=False, differs=STRICT),
    "a chunk size that is none": Raw(CHUNKED + b"xyz\r\n", is_whole=False),
    "a chunk size with a sign": Raw(CHUNKED + b"+1\r\na\r\n0\r\n\r\n", is_whole=False),
    "a chunk size beyond all bounds": Raw(CHUNKED + b"fffffffffffffffff\r\na", is_whole=False),
    "a blank behind a chunk size": Raw(CHUNKED + b"1 \r\na\r\n0\r\n\r\n", is_whole=False, differs=STRICT),
    "a chunk longer than its size": Raw(CHUNKED + b"1\r\nab\r\n0\r\n\r\n", is_whole=False),
    "a chunk of bare line feeds": Raw(CHUNKED + b"1\na\n0\n\n", is_whole=False),
    "a length among the trailers": Raw(CHUNKED + b"1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n", is_whole=False),
    # Heads that are none.
    "garbage": Raw(b"What is this?\r\n\r\n", is_whole=False),
    "another protocol": Raw(b"ICY 200 OK\r\n\r\n", is_whole=False),
    "a request": Raw(b"GET / HTTP/1.1\r\n\r\n", is_whole=False),
    "a TLS alert": Raw(b"\x15\x03\x01\x00\x02\x02\x46", is_whole=False),
    "an unknown version": Raw(b"HTTP/1.7 200 OK\r\n\r\n", is_whole=False),
    "two blanks before the status": Raw(b"HTTP/1.1  200 OK\r\n\r\n", is_whole=False),
    "a status of two digits": Raw(b"HTTP/1.1 20 OK\r\n\r\n", is_whole=False),
    "a status of four digits": Raw(b"HTTP/1.1 2000 OK\r\n\r\n", is_whole=False),
    "a blank before the colon": Raw(OK + b"X-A : 1\r\nContent-Length: 0\r\n\r\n", is_whole=False),
    "a header without a colon": Raw(OK + b"X-A\r\nContent-Length: 0\r\n\r\n", is_whole=False),
    "a header without a name": Raw(OK + b": 1\r\nContent-Length: 0\r\n\r\n", is_whole=False),
    "a folded header": Raw(OK + b"X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n", is_whole=False, differs=STRICT),
    "bare line feeds": Raw(OK + b"X-A: 1\nContent-Length: 0\r\n\r\n", is_whole=False, differs=STRICT),
    "only bare line feeds": Raw(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", is_whole=False, differs=STRICT),
    "a bare carriage return": Raw(OK + b"X-A: 1\r2\r\nContent-Length: 0\r\n\r\n", is_whole=False),
    "a null byte in a header": Raw(OK + b"X-A: 1\x002\r\nContent-Length: 0\r\n\r\n", is_whole=False),
    "a control character in a header": Raw(
        OK + b"X-A: 1\x1b[2J\r\nContent-Length: 0\r\n\r\n", is_whole=False, differs=STRICT
    ),
    "a control character in the reason": Raw(
        b"HTTP/1.1 200 O\x1bK\r\nContent-Length: 0\r\n\r\n",
        is_whole=False,
        differs="a reason is written to terminals, and RFC 9112 has no control characters in it",
    ),
    # Floods.
    "a line that is too long": Raw(OK + b"X-A: " + b"a" * 2**15 + b"\r\nContent-Length: 0\r\n\r\n", is_whole=False),
    "too many lines": Raw(
        OK + b"".join(b"X-%d: 1\r\n" % number for number in range(300)) + b"Content-Length: 0\r\n\r\n", is_whole=False
    ),
    "a head that never ends": Raw(OK + b"".join(b"X-A: %b\r\n" % (b"a" * 900) for _ in range(100)), is_whole=False),
    "trailers that never end": Raw(CHUNKED + b"1\r\na\r\n0\r\n" + b"X-A: 1\r\n" * 20_000, is_whole=False),
    "a chunk size that never ends": Raw(CHUNKED + b"0" * 200_000, is_whole=False),
    "a chunk extension that never ends": Raw(CHUNKED + b"1;" + b"a" * 200_000, is_whole=False),
    "interim answers that never end": Raw(b"HTTP/1.1 102 Processing\r\n\r\n" * 5_000, is_whole=False),
}
