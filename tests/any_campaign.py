"""Campaigns for tests: one as it is found in practice, and any at all, with names as hostile as clients make them."""

from __future__ import annotations

import hypothesis.strategies as st
from msgspec.structs import replace

from proxy.events.content import Target
from proxy.verdict.campaign import Campaign, Evidence, Level, Slice, Word

START_US = 1_776_816_000_000_000
"""2026-04-22T00:00:00Z."""
MINUTE_US = 60_000_000

FOUND = Campaign(
    id="c-3f9a01b2c4d5",
    level=Level.CONFIRMED,
    score=14.9,
    first_us=START_US,
    detected_us=START_US + 4 * MINUTE_US,
    last_us=START_US + 2 * 86_400_000_000,
    expires_us=START_US + 9 * 86_400_000_000,
    accounts=250,
    members=tuple(f"acct_{number}" for number in range(60)),
    whole=("acct_7",),
    networks=31,
    exchanges_seen=1_000,
    exchanges_admitted=200,
    exchanges_prevented=800,
    input_tokens_admitted=24_000,
    output_tokens_admitted=90_000,
    models={"m-large": 900, "m-small": 100},
    targets={Target.REASONING: 0.93, Target.CODE: 0.4},
    evidence=(
        Evidence("content", "shared-template", 6.5, "97 % of exchanges share it, 0.001 % of others do"),
        Evidence("partition", "dealt-out", 10.0, "998 openings, none of them twice"),
        Evidence("infrastructure", "spread", -1.6, "31 networks, none of them theirs alone"),
    ),
    timeline=tuple(Slice(START_US + number * MINUTE_US, *((40, 0) if number < 5 else (0, 20))) for number in range(45)),
    slice_us=MINUTE_US,
)

_NAMES = st.one_of(
    st.text(min_size=1, max_size=20),
    st.sampled_from(
        ["</script><script>alert(1)</script>", "|x|", "[red]", "\x1b[2J", "](http://evil.example)", "# h\n\n", "`"]
    ),
)
_COUNTS = st.integers(0, 2**45)
_MOMENTS = st.integers(START_US, START_US + 400 * 86_400_000_000)
_EVIDENCE = st.builds(Evidence, _NAMES, _NAMES, st.floats(-50, 50), _NAMES)


@st.composite
def timelines(draw: st.DrawFn) -> tuple[int, tuple[Slice, ...]]:
    """A slice's width and slices on its grid, with gaps, in order."""
    width_us = draw(st.sampled_from([1_000_000, MINUTE_US, 7 * MINUTE_US, 86_400_000_000]))
    places = sorted(draw(st.sets(st.integers(0, 500), max_size=30)))
    start_us = draw(_MOMENTS)
    numbers = st.integers(0, 10**9)
    return width_us, tuple(Slice(start_us + place * width_us, draw(numbers), draw(numbers)) for place in places)


@st.composite
def campaigns(draw: st.DrawFn) -> Campaign:
    """Any campaign that holds together no more than its types ask."""
    width_us, timeline = draw(timelines())
    members = tuple(sorted(draw(st.sets(_NAMES, max_size=5))))
    return replace(
        FOUND,
        level=draw(st.sampled_from(Level)),
        word=draw(st.none() | st.sampled_from(Word)),
        score=draw(st.floats(-99, 99)),
        first_us=draw(_MOMENTS),
        detected_us=draw(_MOMENTS),
        last_us=draw(_MOMENTS),
        expires_us=draw(_MOMENTS),
        accounts=draw(st.integers(len(members), 10**6)),
        members=members,
        whole=members[:1],
        mixed=draw(st.booleans()),
        networks=draw(_COUNTS),
        exchanges_seen=draw(_COUNTS),
        exchanges_admitted=draw(_COUNTS),
        exchanges_prevented=draw(_COUNTS),
        output_tokens_admitted=draw(_COUNTS),
        models=draw(st.dictionaries(_NAMES, _COUNTS, max_size=15)),
        targets=draw(st.dictionaries(_NAMES, st.floats(0, 1), max_size=3)),
        evidence=tuple(draw(st.lists(_EVIDENCE, max_size=4))),
        timeline=timeline,
        slice_us=width_us,
        merged=tuple(draw(st.lists(_NAMES, max_size=2))),
        probing=draw(st.booleans()),
    )
