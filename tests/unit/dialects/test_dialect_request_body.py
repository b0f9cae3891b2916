"""How a marker is found in a body, short or long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.request_body import contains

MARKERS = (b"base64", b'"base64"', b";base64,", b'"cache_control"', b'"input_audio"')


@pytest.mark.parametrize("marker", MARKERS)
@given(filling=st.sampled_from([b"words ", b"_c64_i", b"base6", b"64", b"_"]), data=st.data())
def test_a_marker_is_found_wherever_it_stands_and_nowhere_else(
    marker: bytes, filling: bytes, data: st.DataObject
) -> None:
    times = data.draw(st.sampled_from([3, 20_000]))
    body = filling * times
    assert contains(body, marker) is (marker in body)
    place = data.draw(st.sampled_from([0, 1, len(body) // 2, len(body) - 1, len(body)]))
    assert contains(body[:place] + marker + body[place:], marker)
    for cut in (marker[:-1], marker[1:]):
        assert contains(cut + body + cut, marker) is (marker in cut + body + cut)
