"""Room for clients among the files that may be open: who was idle for longest leaves first, who is at work stays."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.handlers.room import Room


@dataclass(frozen=True)
class Client:
    idle_since: float
    is_idle: bool = True


def test_each_client_may_have_a_connection_to_the_upstream_and_others_have_files_of_their_own() -> None:
    assert Room(files=1_024).most == 480
    assert Room(files=20_000).most == 9_968
    assert Room(files=10).most == 1


def test_those_idle_for_longest_leave_several_at_once() -> None:
    clients = [Client(float(since)) for since in (50, 10, 40, 20, 30)] + [Client(0.0, is_idle=False)]
    room = Room(files=64 + 2 * 32)
    assert [client.idle_since for client in room.leaving(clients, now=100.0)] == [10.0, 20.0]


def test_while_all_are_at_work_nobody_leaves_and_nobody_is_looked_at_more_than_once_a_second() -> None:
    looks = 0

    class Busy:
        idle_since = 0.0

        @property
        def is_idle(self) -> bool:
            nonlocal looks
            looks += 1
            return False

    room = Room(files=66)
    assert [room.leaving([Busy()], now) for now in (100.0, 100.2, 100.9)] == [[]] * 3
    assert looks == 1
    idle = Client(0.0)
    assert room.leaving([idle], now=101.0) == [idle]
