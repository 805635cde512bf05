"""Looks for the planted bugs: which seed is the first that sees each of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from dataclasses import dataclass

from simulation.bugs import BUGS
from simulation.crowd import play_one, quiet
from simulation.invariants import RULES


@dataclass(frozen=True, slots=True)
class Trail:
    """A bug by its number, the first seed that saw it, and all rules that this seed broke."""

    number: int
    seed: int | None
    rules: tuple[str, ...] = ()


def track(number: int, seeds: Iterable[int]) -> Trail:
    """Plant a bug, and play worlds until its rule is broken."""
    bug = BUGS[number]
    for seed in seeds:
        with bug.planted():
            result = play_one(seed)
        rules = tuple(dict.fromkeys(breach.rule for breach in result.breaches))
        if bug.rule in rules:
            return Trail(number, seed, rules)
    return Trail(number, None)


def hunt(jobs: int, seeds: int) -> int:
    """Look for every bug in so many worlds, and print the table; 1 if one was not found."""
    tasks = [(number, seeds) for number in range(len(BUGS))]
    with multiprocessing.get_context("spawn").Pool(jobs, quiet) as pool:
        trails = pool.starmap(_track, tasks, chunksize=1)
    rows = [("invariant", "planted bug", "first seed", "also broken")]
    for trail in trails:
        bug = BUGS[trail.number]
        others = ", ".join(sorted({*trail.rules} - {bug.rule}))
        rows.append((bug.rule, bug.words, str(trail.seed), others))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        print("  ".join((*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3])))
    unseen = {rule.name for rule in RULES} - {BUGS[trail.number].rule for trail in trails}
    if unseen:
        print(f"no bug is planted for: {', '.join(sorted(unseen))}")
    missed = [BUGS[trail.number].words for trail in trails if trail.seed is None]
    print(f"{len(trails) - len(missed)} of {len(trails)} planted bugs found in {seeds} worlds")
    return 1 if missed or unseen else 0


def _track(number: int, seeds: int) -> Trail:
    return track(number, range(seeds))
