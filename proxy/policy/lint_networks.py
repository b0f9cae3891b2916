"""Owns the checks of networks against each other: within one list, from rule to rule, and against trusted proxies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from proxy.policy.issues import Code, Issue, Position, quoted
from proxy.policy.lists import MAX_ISSUES, Lists, list_key, matchers_of
from proxy.policy.prefixes import LOOPBACK_AND_PRIVATE, Prefix, parse_prefix
from proxy.policy.reach import applies_wherever, covers
from proxy.policy.spec import AccessSpec, PolicySpec
from proxy.policy.terms import Matcher, Mode

_KEYS = ("network", "network_in", "address")
_MAX_EFFORT = 2_000_000
"""Entries that are compared from rule to rule; what comes after is not, or long lists would take minutes to load."""
_PAIR_EFFORT = 20
"""Of comparing two rules apart from their networks, in entries."""


class _Entry(NamedTuple):
    prefix: Prefix
    at: Position


def network_issues(spec: PolicySpec, lists: Lists) -> Iterator[Issue]:
    """Networks that add nothing, that no rule is asked about, or that are the proxies' own."""
    told: set[Issue] = set()
    for issue in _all(spec, lists):
        # A list file that several rules name is looked at for each of them.
        if issue not in told:
            told.add(issue)
            yield issue


def _all(spec: PolicySpec, lists: Lists) -> Iterator[Issue]:
    yield from _overlaps(_given(spec.trusted_proxies or (), spec, "trusted_proxies"))
    for matcher in matchers_of(spec):
        for key in _KEYS:
            yield from _overlaps(_entries(matcher, key, lists))
    for rule in spec.access:
        yield from _trusted(rule, spec, lists)
    yield from _unreachable(spec.access, lists)


def _given(prefixes: Iterable[Prefix], where: Matcher | PolicySpec, key: str) -> list[_Entry]:
    return [_Entry(prefix, where.at(key, index)) for index, prefix in enumerate(prefixes)]


def _entries(matcher: Matcher, key: str, lists: Lists) -> list[_Entry]:
    if key != "network_in":
        return _given(getattr(matcher, key), matcher, key)
    entries = []
    for name in dict.fromkeys(list_key(matcher, index) for index in range(len(matcher.network_in))):
        file = lists[name]
        entries += [
            _Entry(prefix, Position(file.path, *place))
            for prefix, place in zip(file.prefixes, file.places, strict=True)
        ]
    return entries


def _overlaps(entries: Sequence[_Entry]) -> Iterator[Issue]:
    """Entries that another of the same list holds; of equal ones, the later."""
    wide: _Entry | None = None
    told = 0
    for entry in sorted(entries, key=_outermost_first):
        if wide is None or not wide.prefix.covers(entry.prefix):
            wide = entry
        elif wide.at != entry.at:
            told += 1
            if told > MAX_ISSUES:
                return
            message = f"{entry.prefix} lies in {wide.prefix} at {wide.at.place}, so it adds nothing"
            yield Issue.warning(entry.at, Code.OVERLAPPING_NETWORK, message)


def _outermost_first(entry: _Entry) -> tuple[int, int, int]:
    return entry.prefix.version, entry.prefix.first(), entry.prefix.length


def _trusted(rule: AccessSpec, spec: PolicySpec, lists: Lists) -> Iterator[Issue]:
    """A rule that denies what a trusted proxy's own address is in."""
    condition = _networks(rule.deny, lists) if rule.deny is not None and rule.unless is None else None
    if not condition:
        return
    trusted = spec.trusted_proxies
    if trusted is None:
        trusted = tuple(map(parse_prefix, LOOPBACK_AND_PRIVATE))
    proxies = [_Entry(prefix, rule.at()) for prefix in trusted]
    found = _held(condition, proxies) or [(entry, proxy) for proxy, entry in _held(proxies, condition)]
    if found:
        entry, proxy = found[0]
        by_default = "" if spec.trusted_proxies is not None else " by default"
        message = f"{entry.prefix} meets {proxy.prefix}, which is trusted as a proxy{by_default}{_more(len(found))}"
        yield Issue.warning(entry.at, Code.DENIES_TRUSTED_PROXY, message)


def _unreachable(access: Sequence[AccessSpec], lists: Lists) -> Iterator[Issue]:
    """Networks of a rule that its own `unless`, or an earlier rule, has decided on."""
    deciders: list[tuple[AccessSpec, Matcher, list[_Entry]]] = []
    effort = 0
    for rule in access:
        matcher = rule.deny or rule.allow
        entries = _networks(matcher, lists)
        if matcher is None or not entries:
            continue
        yield from _exempted(rule.unless, matcher, entries, lists)
        for earlier, wide, decided in deciders:
            effort += _PAIR_EFFORT
            if effort > _MAX_EFFORT:
                return
            if _decides(earlier, wide, rule, matcher):
                effort += len(entries) + len(decided)
                yield from _dead(_held(entries, decided), f"decided on by rule {quoted(earlier.id)}")
        if rule.mode is Mode.ENFORCE and rule.has("unless") == (rule.unless is not None):
            deciders.append((rule, matcher, entries))


def _exempted(unless: Matcher | None, matcher: Matcher, entries: list[_Entry], lists: Lists) -> Iterator[Issue]:
    if unless is None or covers(unless, matcher) or not covers(_elsewhere(unless), _elsewhere(matcher)):
        return
    yield from _dead(_held(entries, _networks(unless, lists)), "exempted by `unless` of this rule")


def _decides(earlier: AccessSpec, wide: Matcher, rule: AccessSpec, matcher: Matcher) -> bool:
    """Whether, networks apart, the earlier rule applies wherever this one does; not where it is told of already."""
    if covers(wide, matcher):
        return False
    return applies_wherever((_elsewhere(wide), earlier.unless), (_elsewhere(matcher), rule.unless))


def _dead(found: Sequence[tuple[_Entry, _Entry]], how: str) -> Iterator[Issue]:
    if found:
        entry, wide = found[0]
        message = f"{entry.prefix} is {how} already, by {wide.prefix} at {wide.at.place}{_more(len(found))}"
        yield Issue.warning(entry.at, Code.UNREACHABLE_NETWORK, message)


def _more(count: int) -> str:
    return f", and so are {count - 1} more" if count > 1 else ""


def _networks(matcher: Matcher | None, lists: Lists) -> list[_Entry]:
    """The networks of a matcher that names them by one key; of two, an address would have to be in both."""
    keys = [key for key in _KEYS if matcher is not None and matcher.has(key)]
    return _entries(matcher, keys[0], lists) if matcher is not None and len(keys) == 1 else []


def _elsewhere(matcher: Matcher) -> Matcher:
    """The matcher without its networks."""
    return replace(
        matcher, where={place: at for place, at in matcher.where.items() if not place or place[0] not in _KEYS}
    )


def _held(entries: Sequence[_Entry], wide: Sequence[_Entry]) -> list[tuple[_Entry, _Entry]]:
    """Each entry that a wide one holds, with it."""
    by_bits: dict[tuple[int, int], dict[int, _Entry]] = {}
    for entry in wide:
        by_bits.setdefault(entry.prefix[:2], {}).setdefault(entry.prefix.bits, entry)
    found = []
    for entry in entries:
        version, length, bits = entry.prefix
        for (other_version, shorter), holders in by_bits.items():
            if other_version == version and shorter <= length and (holder := holders.get(bits >> (length - shorter))):
                found.append((entry, holder))
                break
    return found
