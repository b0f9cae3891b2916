"""The verdicts in force: by what a request says before by whom it comes from."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.events.content import Content
from proxy.verdict.campaign import Campaign, Level, Marks, Word
from proxy.verdict.snapshot import NOBODY, Match, Snapshot
from tests.any_campaign import FOUND

MARKS = Marks((1, 2, 3, 4), (900, 800, 300, 50), least=1600, fewest=2)


def campaign(name: str = "c-1", **fields: object) -> Campaign:
    return replace(replace(FOUND, id=name, members=(), whole=(), marks=MARKS), **fields)


def match(name: str, level: Level, by: str, *, probing: bool = False) -> Match:
    return Match(name, level, by, probing, FOUND.detected_us)


def test_a_request_is_of_a_campaign_where_its_pieces_weigh_enough() -> None:
    snapshot = Snapshot([campaign()])
    assert snapshot.match("a", Content(pieces=(1, 2, 9))) == match("c-1", Level.CONFIRMED, "content")
    assert snapshot.match("a", Content(pieces=(3, 4, 2, 9))) is None


def test_however_much_they_weigh_there_must_be_enough_of_them() -> None:
    heavy = replace(MARKS, weights=(5000, 800, 300, 50))
    snapshot = Snapshot([campaign(marks=heavy)])
    assert snapshot.match("a", Content(pieces=(1, 9))) is None
    assert snapshot.match("a", Content(pieces=(1, 4))) is not None


def test_what_a_request_says_goes_before_whom_it_comes_from() -> None:
    snapshot = Snapshot([campaign(), campaign("c-2", marks=Marks(), whole=("a",), level=Level.SUSPECTED)])
    assert snapshot.match("a", Content(pieces=(1, 2))) == match("c-1", Level.CONFIRMED, "content")
    assert snapshot.match("a", Content(pieces=(7,))) == match("c-2", Level.SUSPECTED, "account")
    assert snapshot.match("a", None) == match("c-2", Level.SUSPECTED, "account")


def test_a_suspicion_on_what_all_customers_say_does_not_hide_who_of_them_is_known_for_a_campaign() -> None:
    product = campaign(level=Level.SUSPECTED, probing=True)
    snapshot = Snapshot([product, campaign("c-2", marks=Marks(), whole=("a",))])
    assert snapshot.match("a", Content(pieces=(1, 2))) == match("c-2", Level.CONFIRMED, "account")
    assert snapshot.match("b", Content(pieces=(1, 2))) == match("c-1", Level.SUSPECTED, "content", probing=True)


def test_of_two_campaigns_it_is_of_the_one_that_it_has_more_of() -> None:
    other = Marks((1, 2, 5), (900, 800, 700), least=1600, fewest=2)
    for campaigns in ([campaign(), campaign("c-2", marks=other)], [campaign("c-2", marks=other), campaign()]):
        found = Snapshot(campaigns).match("a", Content(pieces=(1, 2, 5)))
        assert found is not None
        assert found.campaign == "c-2"


def test_what_an_operator_released_is_not_in_it() -> None:
    snapshot = Snapshot([campaign(word=Word.RELEASE, whole=("a",))])
    assert snapshot.match("a", Content(pieces=(1, 2))) is None
    assert not snapshot.campaigns


def test_who_is_excused_is_passed_over_and_others_are_not() -> None:
    snapshot = Snapshot([campaign(excused=("a",)), campaign("c-2", marks=replace(MARKS, least=1700))])
    found = [snapshot.match(account, Content(pieces=(1, 2, 3))) for account in "ab"]
    assert [each.campaign for each in found if each is not None] == ["c-2", "c-1"]


def test_of_an_account_that_is_known_for_a_campaign_some_of_its_marks_are_enough() -> None:
    snapshot = Snapshot([campaign(known=("a",))])
    some, none = Content(pieces=(3, 9)), Content(pieces=(4, 9))
    assert [snapshot.match(account, some) is None for account in "ab"] == [False, True]
    assert snapshot.match("a", none) is None
    assert Snapshot([campaign(known=("a",), mixed=True)]).match("a", some) is None


def test_where_only_some_accounts_are_meant_others_with_the_same_words_are_passed_over() -> None:
    snapshot = Snapshot([campaign(members=("a",), mixed=True)])
    assert [snapshot.match(account, Content(pieces=(1, 2))) is None for account in "ab"] == [False, True]
    assert Snapshot([campaign(mixed=True)]).match("a", Content(pieces=(1, 2))) is None


def test_a_probe_is_told_with_the_match_by_content_only() -> None:
    snapshot = Snapshot([campaign(level=Level.SUSPECTED, probing=True, whole=("a",))])
    by_content, by_account = snapshot.match("a", Content(pieces=(1, 2))), snapshot.match("a", None)
    assert by_content is not None
    assert by_account is not None
    assert (by_content.probing, by_account.probing) == (True, False)


def test_who_bore_a_probe_lately_bears_no_other_and_is_of_the_campaign_all_the_same() -> None:
    snapshot = Snapshot([campaign(level=Level.SUSPECTED, probing=True, probed=("a",))])
    matches = [snapshot.match(account, Content(pieces=(1, 2))) for account in "ab"]
    assert [match and match.probing for match in matches] == [False, True]


def test_nobody_is_of_no_campaign() -> None:
    assert NOBODY.match("a", Content(pieces=(1, 2))) is None
