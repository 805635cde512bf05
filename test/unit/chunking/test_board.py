"""What workers claim from the shared board."""

from __future__ import annotations

from contextlib import closing

from jobflows.chunking.board import HALT, LIMIT, TOTAL, Board


def test_a_halted_run_has_nothing_to_claim() -> None:
    with closing(Board(2, 4096)) as board:
        board.words[TOTAL] = board.words[LIMIT] = 100
        assert board.claim(0, 3, 2) == (0, 3)
        assert board.give_back(0, 2, 3)
        board.words[HALT] = 1
        assert board.is_over
        assert board.claim(1, 3, 2) is None  # neither what is new nor what was given back
        board.words[HALT] = 0
        assert board.claim(1, 3, 2) == (2, 3)
