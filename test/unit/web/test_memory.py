"""Answers that took long are kept."""

from __future__ import annotations

from jobflows.web.memory import KEPT, LONGEST, TIMES, Memory


class Slow:
    """An answer that takes some of a clock's time."""

    def __init__(self, takes: float) -> None:
        self.now = 0.0
        self.takes = takes
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        self.now += self.takes
        return self.asked


def test_an_answer_is_kept_by_how_long_it_took() -> None:
    slow = Slow(0.5)
    memory = Memory(lambda: slow.now)
    assert memory.of("a", slow) == 1
    slow.now += 0.5 * TIMES - 0.1
    assert memory.of("a", slow) == 1
    slow.now += 0.1
    assert memory.of("a", slow) == 2


def test_no_answer_is_kept_for_ever() -> None:
    slow = Slow(1000)
    memory = Memory(lambda: slow.now)
    memory.of("a", slow)
    slow.now += LONGEST
    assert memory.of("a", slow) == 2


def test_quick_answers_are_fresh_and_questions_differ() -> None:
    slow = Slow(0)
    memory = Memory(lambda: slow.now)
    assert [memory.of("a", slow), memory.of("a", slow), memory.of("b", slow)] == [1, 2, 3]


def test_only_so_many_are_kept() -> None:
    slow = Slow(1)
    memory = Memory(lambda: 0.0 if slow.asked == 0 else slow.now / 1e9)
    for number in range(KEPT + 1):
        memory.of(number, slow)
    before = slow.asked
    memory.of(KEPT, slow)
    assert slow.asked == before
    memory.of(0, slow)
    assert slow.asked == before + 1
