"""Locks: names that can be told apart, and one limit a name within a flow."""

import re
from collections.abc import Iterator

from jobflows.api.model import JobFlow
from jobflows.api.spec import STEP_NAME_LENGTH, STEP_NAME_PATTERN, Step
from jobflows.api.validation.names import duplicates
from jobflows.api.validation.places import places
from jobflows.api.validation.problems import Path, Problem

_NAME = re.compile(STEP_NAME_PATTERN)


def step_locks(flow: JobFlow) -> Iterator[Problem]:
    """Each step names a lock once, with the same limit as the steps before it."""
    stated: dict[str, tuple[int, str]] = {}
    for place, step in places(flow):
        if not step.locks:
            continue
        path: Path = (*place, "locks")
        if step.type == "Manual":
            words = "a Manual step runs nothing, and so holds no lock"
            yield Problem(path, words, "Put the locks on the steps behind it")
        yield from duplicates(
            path, (lock.name for lock in step.locks), "lock", "Remove one of them"
        )
        yield from _names(path, step)
        for number, lock in enumerate(step.locks):
            limit, first = stated.setdefault(lock.name, (lock.limit, step.name))
            if lock.limit != limit:
                yield Problem(
                    (*path, number, "limit"),
                    f"lock '{lock.name}' has limit {limit} in step '{first}'",
                    "Write the same limit in each step",
                )


def _names(path: Path, step: Step) -> Iterator[Problem]:
    for place, lock in enumerate(step.locks):
        if not _NAME.match(lock.name) or "\n" in lock.name or len(lock.name) > STEP_NAME_LENGTH:
            yield Problem(
                (*path, place, "name"),
                f"'{lock.name}' cannot be the name of a lock",
                f"Use at most {STEP_NAME_LENGTH} lower-case letters, digits and dashes; "
                "begin and end with a letter or digit",
            )
