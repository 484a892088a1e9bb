"""Many items take turns: none is left out, and none waits longer than the rounds."""

from __future__ import annotations

from agent.support.turns import Turns


def test_a_few_all_have_their_turn_each_time() -> None:
    turns: Turns[int] = Turns(least=200, rounds=10)
    assert turns.next(lambda: range(3)) == [0, 1, 2]
    assert turns.next(lambda: range(4)) == [0, 1, 2, 3]
    assert turns.next(list) == []


def test_of_many_each_has_its_turn_once_within_the_rounds() -> None:
    turns: Turns[int] = Turns(least=200, rounds=10)
    parts = [turns.next(lambda: range(5_003)) for _ in range(10)]
    assert max(map(len, parts)) == 501
    assert [item for part in parts for item in part] == list(range(5_003))
    assert turns.next(lambda: range(1)) == [0]
