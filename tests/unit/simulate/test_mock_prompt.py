"""How much input a prompt is, and what of it a cache remembers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.simulate.mock.prompt import Input, PrefixCache, Segment, text_of

parts = st.lists(st.builds(Segment, st.binary(max_size=50), st.booleans()), max_size=6)


def test_the_text_of_a_message_leaves_out_data_ids_and_types() -> None:
    content = [
        {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": " you"}]},
    ]
    assert text_of(content) == "Hello you"


@given(st.lists(parts, max_size=6))
def test_the_kinds_of_input_add_up_to_the_whole_prompt(prompts: list[list[Segment]]) -> None:
    cache = PrefixCache()
    for prompt in prompts:
        size = sum(len(part.text) for part in prompt)
        for used in (cache.marked("a", prompt), cache.automatic("o", prompt, least=1, step=1)):
            assert used.total == -(-size // 4)
            assert min(used.fresh, used.cache_read, used.cache_creation) >= 0


def test_a_marked_prefix_is_written_once_and_read_again() -> None:
    cache = PrefixCache()
    system, question = Segment(b"s" * 400, marked=True), Segment(b"q" * 40)
    assert cache.marked("m", [system, question]) == Input(10, 0, 100)
    assert cache.marked("m", [system, Segment(b"r" * 80)]) == Input(20, 100, 0)
    assert cache.marked("other", [system, question]) == Input(10, 0, 100)


def test_a_breakpoint_that_moves_on_reads_what_the_earlier_one_wrote() -> None:
    cache = PrefixCache()
    first, second = b"a" * 400, b"b" * 400
    cache.marked("m", [Segment(first, marked=True)])
    assert cache.marked("m", [Segment(first), Segment(second, marked=True)]) == Input(0, 100, 100)


def test_without_a_breakpoint_nothing_is_cached() -> None:
    cache = PrefixCache()
    for _ in range(2):
        assert cache.marked("m", [Segment(b"a" * 400)]) == Input(100)


def test_automatic_caching_reads_whole_steps_of_long_prefixes() -> None:
    cache = PrefixCache()
    history = Segment(b"h" * 4 * 1100)
    assert cache.automatic("m", [history, Segment(b"q" * 40)]) == Input(1110)
    assert cache.automatic("m", [history, Segment(b"r" * 40)]) == Input(1110 - 1024, 1024)


def test_a_short_prompt_is_not_cached_automatically() -> None:
    cache = PrefixCache()
    for _ in range(2):
        assert cache.automatic("m", [Segment(b"h" * 4000)]) == Input(1000)


def test_a_full_cache_forgets_what_was_written_first() -> None:
    cache = PrefixCache(capacity=1)
    cache.marked("m", [Segment(b"a" * 40, marked=True)])
    cache.marked("m", [Segment(b"b" * 40, marked=True)])
    assert cache.marked("m", [Segment(b"a" * 40, marked=True)]) == Input(0, 0, 10)
