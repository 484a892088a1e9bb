"""Many items take turns: none is left out, and none waits longer than the rounds."""

from __future__ import annotations

from agent.support.turns import Turns


def test_a_few_all_have_their_turn_each_time_that_they_are_renewed() -> None:
    turns: Turns[int] = Turns(least=200, rounds=10)
    assert turns.next(lambda: range(3)) == []
    turns.renew()
    assert turns.next(lambda: range(3)) == [0, 1, 2]
    assert turns.next(lambda: range(4)) == []
    turns.renew()
    assert turns.next(lambda: range(4)) == [0, 1, 2, 3]
    turns.renew()
    assert turns.next(list) == []


def test_of_many_each_has_its_turn_once_within_the_rounds() -> None:
    turns: Turns[int] = Turns(least=200, rounds=10)
    turns.renew()
    parts = [turns.next(lambda: range(5_003)) for _ in range(10)]
    assert max(map(len, parts)) == 501
    assert [item for part in parts for item in part] == list(range(5_003))
    assert turns.next(lambda: range(1)) == []


def test_who_had_a_turn_before_the_renewal_has_another_one() -> None:
    turns: Turns[int] = Turns(least=2, rounds=2)
    turns.renew()
    assert turns.next(lambda: range(4)) == [0, 1]
    turns.renew()
    assert [turns.next(lambda: range(4)) for _ in range(4)] == [[2, 3], [0, 1], [2, 3], []]


def test_all_have_their_turns_while_they_are_renewed_all_the_time() -> None:
    turns: Turns[int] = Turns(least=2, rounds=2)
    seen: list[int] = []
    for _ in range(4):
        turns.renew()
        seen += turns.next(lambda: range(4))
    assert seen == [0, 1, 2, 3, 0, 1, 2, 3]


def test_an_added_item_has_the_next_turn_and_nobody_waits_for_it() -> None:
    turns: Turns[int] = Turns(least=2, rounds=2)
    turns.renew()
    turns.add(9)
    assert turns.next(lambda: range(4)) == [0, 1, 9]
    for number in (7, 8, 9):
        turns.add(number)
    assert turns.next(lambda: range(4)) == [2, 3, 7, 8]
    assert turns.next(lambda: range(4)) == [9]
