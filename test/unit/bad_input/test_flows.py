"""Whatever comes in as a flow: it is judged, always in the same words, and never by a crash.

What is accepted runs. `make fuzz` looks longer; what it finds is kept as a line in `test/corpus`.
"""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from pydantic import ValidationError

from jobflows.api.model import JobFlow
from jobflows.api.validation import Problem, advise, check
from jobflows.api.validation.problems import LONGEST
from unit.bad_input.documents import documents, nearly_flows
from unit.bad_input.lives import is_small, live
from unit.bad_input.schema import refusals

fuzzed = settings(
    max_examples=int(os.environ.get("EXAMPLES", "25")), suppress_health_check=list(HealthCheck)
)


@fuzzed
@given(documents)
def test_whatever_comes_is_judged_in_words_that_can_be_printed(document: Any) -> None:
    checked = check(document)
    assert (checked.flow is None) == bool(checked.problems)
    assert check(document) == checked
    for problem in checked.problems:
        assert_well_said(document, problem)


def assert_well_said(document: Any, problem: Problem) -> None:
    """In one line, of a field that is there, or is missing where it could be."""
    for words in (problem.message, problem.cure, problem.dotted):
        assert words.isprintable()
        assert len(words) < LONGEST + 10
    assert problem.message
    assert problem.cure
    here = document
    for part in problem.path:
        if isinstance(here, list | tuple):
            assert isinstance(part, int)
            assert part < len(here)
            here = here[part]
        elif isinstance(here, dict) and here.get(part) is not None:
            here = here[part]
        else:
            break


@fuzzed
@given(nearly_flows())
def test_what_is_accepted_is_stored_read_again_and_runs_to_its_end(document: Any) -> None:
    checked = check(document)
    assume(checked.flow is not None)
    flow = checked.flow
    assert flow is not None
    assert refusals(document) == []
    for warning in advise(flow):
        assert_well_said(document, warning)
    written = json.loads(json.dumps(flow.document()))
    assert check(written).flow == flow
    if not is_small(flow):
        return
    world = live(flow)
    assert world.ledger.phase.terminal or flow.spec.suspend or _stands_still(flow)


def _stands_still(flow: JobFlow) -> bool:
    """Whether a limit of 0 keeps something from starting, as it says."""
    limits = [flow.spec.execution_policy.parallelism]
    limits += [template.parallelism for template in flow.spec.templates]
    limits += [part.parallelism for s in flow.spec.all_steps for part in (s.array, s.map) if part]
    return 0 in limits


BY_SCHEMA = frozenset(
    {
        *("string_type", "int_type", "float_type", "bool_type", "dict_type", "model_type"),
        *("tuple_type", "missing", "extra_forbidden", "literal_error", "greater_than"),
        *("greater_than_equal", "less_than", "less_than_equal", "too_long", "too_short"),
        *("string_too_long", "string_too_short"),
    }
)
"""Errors of structure that the API server sees by itself."""


@fuzzed
@given(nearly_flows())
def test_types_and_ranges_that_the_validator_refuses_the_schema_refuses_too(document: Any) -> None:
    try:
        JobFlow.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False)
    else:
        found = []
    own = [e for e in found if e["type"] in BY_SCHEMA and e["loc"][0] == "spec"]
    assume(own)
    assert refusals(document), own
