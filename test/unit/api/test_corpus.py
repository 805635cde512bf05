"""Each bad input that is kept is refused at its field in its words; each good one beside it is not.

One test a file, since there are hundreds and each takes a millisecond.
"""

from __future__ import annotations

import pytest

from corpus import Case, cases
from jobflows.api.validation import Problem, check
from unit.bad_input.test_flows import assert_well_said

KINDS = sorted({case.kind for case in cases()})


def meets(case: Case, problem: Problem) -> bool:
    """Whether a problem is the one that the case is about: there, or inside of it."""
    exact = problem.dotted == case.named
    return (exact or problem.dotted.startswith(case.named)) and case.says in problem.message


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_is_told_apart(kind: str) -> None:
    wrong = []
    for case in (case for case in cases() if case.kind == kind):
        checked = check(case.document)
        for problem in checked.problems:
            assert_well_said(case.document, problem)
        if case.refused != any(meets(case, problem) for problem in checked.problems) or (
            not case.refused and checked.problems
        ):
            wrong.append((case.title, [str(problem) for problem in checked.problems[:3]]))
    assert not wrong
