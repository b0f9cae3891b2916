"""What is counted in plain numbers is, once told, what prometheus_client would have counted itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from proxy.tallies import Count, Spread

BOUNDS = (0.1, 0.5, 1.0)
labels = st.tuples(st.sampled_from("ab"), st.sampled_from("cd"))
values = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 7.0])


def counter(registry: CollectorRegistry) -> Counter:
    return Counter("c", "text", ("one", "two"), registry=registry)


def histogram(registry: CollectorRegistry) -> Histogram:
    return Histogram("h", "text", ("one", "two"), registry=registry, buckets=BOUNDS)


def samples(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return sorted(line for line in lines if "_created" not in line)


@given(st.lists(st.tuples(labels, st.integers(1, 9)) | st.none()))
def test_a_count_tells_what_the_counter_would_have_counted(gains: list[tuple[tuple[str, str], int] | None]) -> None:
    told, direct = CollectorRegistry(), CollectorRegistry()
    count, reference = Count(counter(told)), counter(direct)
    for gain in gains:
        if gain is None:
            count.tell()
        else:
            count.add(*gain)
            reference.labels(*gain[0]).inc(gain[1])
    count.tell()
    assert samples(told) == samples(direct)


@given(st.lists(st.tuples(labels, values) | st.none()))
def test_a_spread_tells_what_the_histogram_would_have_observed(
    observed: list[tuple[tuple[str, str], float] | None],
) -> None:
    told, direct = CollectorRegistry(), CollectorRegistry()
    spread, reference = Spread(histogram(told), BOUNDS), histogram(direct)
    for one in observed:
        if one is None:
            spread.tell()
        else:
            spread.observe(*one)
            reference.labels(*one[0]).observe(one[1])
    spread.tell()
    assert [line.rpartition(" ")[0] for line in samples(told)] == [line.rpartition(" ")[0] for line in samples(direct)]
    for line, expected in zip(samples(told), samples(direct), strict=True):
        if not line.startswith("#"):
            assert abs(float(line.rpartition(" ")[2]) - float(expected.rpartition(" ")[2])) < 1e-9


def test_metrics_without_labels_are_told_too() -> None:
    registry = CollectorRegistry()
    count = Count(Counter("c", "text", registry=registry))
    spread = Spread(Histogram("h", "text", registry=registry, buckets=BOUNDS), BOUNDS)
    count.add(())
    spread.observe((), 0.3)
    count.tell()
    spread.tell()
    assert registry.get_sample_value("c_total") == 1
    assert registry.get_sample_value("h_bucket", {"le": "0.5"}) == registry.get_sample_value("h_count") == 1
    assert registry.get_sample_value("h_bucket", {"le": "0.1"}) == 0
