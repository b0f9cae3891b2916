import gzip
import tracemalloc
import zlib

import pytest

from proxy.dialects.content_encoding import MOST_MEMBERS, DeflateDecoder, GzipDecoder, decoder

TEXT = b"data: an answer that repeats, repeats, repeats itself\n\n" * 100


def bare_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("gzip", gzip.compress(TEXT)),
        (" X-GZIP ", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:700]) + gzip.compress(TEXT[700:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare_deflate(TEXT)),
        ("identity", TEXT),
    ],
    ids=["gzip", "x-gzip", "gzip of two members", "deflate", "bare deflate", "identity"],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_an_encoded_answer_is_decoded_however_it_is_cut(encoding: str, encoded: bytes, size: int) -> None:
    decode = decoder(encoding)
    assert decode is not None
    assert b"".join(decode.feed(encoded[i : i + size]) for i in range(0, len(encoded), size)) == TEXT


def test_what_was_flushed_comes_out_at_once() -> None:
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    decode = decoder("gzip")
    assert decode is not None
    for event in (b"data: a\n\n", b"data: b\n\n"):
        assert decode.feed(compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH)) == event


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "gzip, gzip", "nonsense"])
def test_an_unknown_encoding_has_no_decoder(encoding: str) -> None:
    assert decoder(encoding) is None


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_broken_data_ends_in_silence(encoding: str) -> None:
    decode = decoder(encoding)
    assert decode is not None
    assert decode.feed(b"") == b""
    assert decode.feed(b"\x78\x9c this was never compressed") == b""
    assert decode.feed(gzip.compress(TEXT)) == b""


@pytest.mark.parametrize(
    ("decode", "bomb"),
    [
        (GzipDecoder(largest_step=10_000), gzip.compress(bytes(10_001))),
        (GzipDecoder(largest_step=10_000), gzip.compress(bytes(9_000)) + gzip.compress(bytes(9_000))),
        (DeflateDecoder(largest_step=10_000), zlib.compress(bytes(10_001))),
    ],
    ids=["gzip", "gzip of two members", "deflate"],
)
def test_a_bomb_yields_nothing(decode: GzipDecoder | DeflateDecoder, bomb: bytes) -> None:
    assert decode.feed(bomb) == b""
    assert decode.feed(zlib.compress(b"more")) == b""


def test_only_so_many_members_are_unpacked() -> None:
    empty = gzip.compress(b"")
    decode = GzipDecoder()
    assert decode.feed(gzip.compress(TEXT) + empty * (MOST_MEMBERS - 2) + gzip.compress(TEXT)) == TEXT + TEXT
    assert decode.feed(gzip.compress(TEXT)) == b""


def test_nothing_is_kept_of_what_stands_behind_the_end() -> None:
    decode = DeflateDecoder()
    assert decode.feed(zlib.compress(TEXT) + b"x") == TEXT
    tracemalloc.start()
    for _ in range(64):
        assert decode.feed(bytes(64 * 1024)) == b""
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 64 * 1024, "of 4 MiB"


def test_a_chunk_may_grow_up_to_the_bound() -> None:
    assert GzipDecoder(largest_step=10_000).feed(gzip.compress(bytes(10_000))) == bytes(10_000)
    assert DeflateDecoder(largest_step=10_000).feed(zlib.compress(bytes(10_000))) == bytes(10_000)
