"""The analyst in process: verdicts change at full seconds, nobody's pace changes them, and nothing looks ahead."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.detection import PERIOD_US, LocalDetection, NoDetection
from proxy.dialects.conversation import USER, Conversation, Turn
from proxy.events.content import Content
from proxy.events.event import Answered, Asked
from proxy.events.sketching import Sketcher, Unsketched
from proxy.policy.load import load_policy
from proxy.simulate.lines import Recorded
from proxy.simulate.replay import Replay
from proxy.simulate.report import decision_line, encode
from proxy.simulate.traffic.actor import Sent
from proxy.simulate.traffic.engine import Judged
from proxy.simulate.traffic.run import PipelineJudge, Setting, play
from proxy.verdict.analyst import Analyst
from proxy.verdict.campaign import Campaign, Level, Word
from proxy.verdict.snapshot import NOBODY, Match, Snapshot
from tests.unit.detect.traffic_by_hand import DAY_US, HOUR_US, T0, asked, blatant, names, pieces, said

POLICY = load_policy(str(Path(__file__).parents[2] / "policies" / "strict.yaml"))
TRAFFIC = [
    replace(event, moment_us=event.moment_us - 3 * HOUR_US * (number < 100))
    for number, event in enumerate(blatant(pieces("wrapper"), names("pool", 40), gap_us=PERIOD_US // 5))
]
"""It begins hours before, because nothing is confirmed untested at once."""

Verdicts = list[Match | None]


def ask(detection: LocalDetection, event: Asked) -> Match | None:
    """As the pipeline does: first the verdict, then what came of it."""
    match = detection.snapshot(event.moment_us).match(event.account, event.content)
    refused = match is not None and match.level is Level.CONFIRMED
    detection.note(
        replace(
            event,
            campaign=None if match is None else match.campaign,
            action="throttle" if refused else "allow",
            by_verdict=refused,
        )
    )
    if not refused:
        detection.note(Answered(event.moment_us + 1, event.account, output_tokens=9))
    return match


def verdicts(events: list[Asked]) -> Verdicts:
    detection = LocalDetection(Analyst())
    return [ask(detection, event) for event in events]


EXPECTED = verdicts(TRAFFIC)


def test_the_traffic_of_these_tests_is_found_on_the_way() -> None:
    assert EXPECTED[0] is None
    assert EXPECTED[-1] is not None
    assert EXPECTED[-1].level is Level.CONFIRMED


@settings(max_examples=15)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_who_takes_in_events_ahead_of_the_schedule_changes_no_verdict(paces: list[int]) -> None:
    detection, found = LocalDetection(Analyst()), []
    for number, event in enumerate(TRAFFIC):
        found.append(ask(detection, event))
        detection.drain(paces[number % len(paces)])
    assert found == EXPECTED


SKETCHER = Sketcher(b"key")
SAID = [
    Conversation(
        "Write out every step of the way as a table with reasons, then the answer on a line of its own.",
        (Turn(USER, " ".join(f"question{number}word{word}" for word in range(30))),),
    )
    for number in range(len(TRAFFIC))
]
WORDED = [
    replace(event, content=SKETCHER.content(conversation)) for event, conversation in zip(TRAFFIC, SAID, strict=True)
]
WORDED_EXPECTED = verdicts(WORDED)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_who_leaves_sketches_to_detection_changes_no_verdict(paces: list[int]) -> None:
    assert WORDED_EXPECTED[-1] is not None
    detection, found = LocalDetection(Analyst(), SKETCHER), []
    for number, (event, conversation) in enumerate(zip(WORDED, SAID, strict=True)):
        if detection.snapshot(event.moment_us).campaigns:
            found.append(ask(detection, event))
        else:
            detection.note(Unsketched(replace(event, content=None), conversation, 1000))
            detection.note(Answered(event.moment_us + 1, event.account, output_tokens=9))
            found.append(None)
        detection.drain(paces[number % len(paces)])
    assert found == WORDED_EXPECTED


def told(looks: frozenset[int]) -> list[tuple[int, dict[str, Campaign]]]:
    """The verdicts that came into force and when, while somebody looks at the campaigns now and then."""
    detection, found = LocalDetection(Analyst()), [(0, NOBODY.campaigns)]
    for number, event in enumerate(TRAFFIC):
        ask(detection, event)
        campaigns = detection.snapshot(event.moment_us).campaigns
        if campaigns is not found[-1][1]:
            found.append((event.moment_us, campaigns))
        if number % 20 in looks:
            detection.drain(len(TRAFFIC))
            detection.analyst.campaigns()
    return found


TOLD = told(frozenset())


@settings(max_examples=15)
@given(st.frozensets(st.integers(0, 19), min_size=1))
def test_who_looks_at_the_campaigns_changes_no_verdict(looks: frozenset[int]) -> None:
    # Campaigns are large, and their differences no help.
    same = told(looks) == TOLD
    assert same


@settings(max_examples=15)
@given(st.integers(0, len(TRAFFIC)))
def test_a_verdict_depends_on_what_came_before_it_and_on_nothing_else(length: int) -> None:
    assert verdicts(TRAFFIC[:length]) == EXPECTED[:length]


@settings(max_examples=25)
@given(st.integers(1, len(TRAFFIC) - 1))
def test_within_a_second_verdicts_stay_as_they_were_at_its_beginning(length: int) -> None:
    detection = LocalDetection(Analyst())
    in_force: dict[int, Snapshot] = {}
    for event in TRAFFIC[:length]:
        second = event.moment_us // PERIOD_US
        snapshot = detection.snapshot(event.moment_us)
        assert in_force.setdefault(second, snapshot) is snapshot
        detection.note(event)
    last = TRAFFIC[length - 1].moment_us
    assert detection.snapshot(last - last % PERIOD_US + PERIOD_US - 1) is in_force[last // PERIOD_US]


def test_what_a_second_has_brought_is_in_force_once_the_next_one_has_ended_whether_anybody_came_in_it_or_not() -> None:
    found = next(event.moment_us for event, match in zip(TRAFFIC, EXPECTED, strict=True) if match is not None)
    second = found - found % PERIOD_US
    for asks_meanwhile in (True, False):
        detection = LocalDetection(Analyst())
        for event in TRAFFIC:
            if event.moment_us < second - PERIOD_US:
                ask(detection, event)
        if asks_meanwhile:
            assert not detection.snapshot(second - 1).campaigns
        assert detection.snapshot(second).campaigns


def test_a_judgement_under_way_ends_by_draining_however_little_at_a_time() -> None:
    detection = LocalDetection(Analyst())
    for event in TRAFFIC:
        ask(detection, event)
    for _ in range(1000):
        if not detection.drain(1):
            break
    assert detection.drain(1) == 0


def test_drain_tells_how_many_still_wait() -> None:
    detection = LocalDetection(Analyst())
    for event in TRAFFIC[:10]:
        detection.note(event)
    assert [detection.drain(4), detection.drain(4), detection.drain(4)] == [6, 2, 0]


def test_an_operators_word_is_in_force_at_once() -> None:
    detection = LocalDetection(Analyst())
    for event in TRAFFIC:
        ask(detection, event)
    now_us = TRAFFIC[-1].moment_us
    (campaign,) = detection.campaigns(now_us)
    content = said(pieces("wrapper"))
    assert detection.snapshot(now_us).match("a", content) is not None
    detection.analyst.say(campaign.id, Word.RELEASE)
    detection.renew()
    assert detection.snapshot(now_us).match("a", content) is None


def test_campaigns_are_told_with_all_that_was_noted() -> None:
    detection = LocalDetection(Analyst())
    for event in TRAFFIC:
        ask(detection, event)
    now_us = TRAFFIC[-1].moment_us
    before = detection.campaigns(now_us)[0].exchanges_seen
    detection.note(asked("pool-1", said(pieces("wrapper"), pieces("one more")), now_us))
    assert detection.campaigns(now_us)[0].exchanges_seen == before + 1


def test_where_nobody_detects_there_is_no_verdict_whatever_is_told() -> None:
    detection = NoDetection()
    for event in TRAFFIC:
        detection.note(event)
    assert detection.snapshot(T0 + DAY_US) is NOBODY
    assert NOBODY.match("pool-1", Content(pieces=pieces("wrapper"))) is None


@pytest.fixture(scope="module")
def log() -> list[Recorded]:
    """What a campaign and a few people sent, in the order of time."""
    lines: list[Recorded] = []

    def keep(recorded: Recorded, sent: Sent, judged: Judged) -> None:
        lines.append(recorded)

    play(Setting((("alibaba-gtg16005", 0.03),), (("population", 0.005),), 0.5, 5), PipelineJudge(POLICY), (keep,))
    return lines


def decisions(lines: list[Recorded]) -> list[bytes]:
    replay = Replay(POLICY)
    return [encode(decision_line(recorded.id, replay.decide(recorded))) for recorded in lines]


def test_the_decision_on_a_line_of_a_log_depends_on_the_lines_before_it_only(log: list[Recorded]) -> None:
    whole = decisions(log)
    assert any(b'"scope":"campaign"' in line for line in whole)
    for part in (3, 2):
        length = len(log) * (part - 1) // part
        assert decisions(log[:length]) == whole[:length]
