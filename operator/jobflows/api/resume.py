"""The request to resume a flow: the value of one annotation, read or refused in words.

Written by people and by the command line, read by the engine. `id` names the request: it is taken
in once, however often it is seen.
"""

import json
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from jobflows.api.base import Model
from jobflows.api.spec import MAX_STEPS, StepName

RESUME_ANNOTATION = "workflow.kube-zen.io/resume"
"""Annotation of a JobFlow that asks for another run of what did not succeed."""

ID_LENGTH = 253

EXAMPLE = """{"id": "2", "from": ["a-step"]}"""


class ResumeRequest(Model):
    """Another run of a flow."""

    id: Annotated[str, Field(min_length=1, max_length=ID_LENGTH)]
    """Name of this request; another one than that of the request before."""

    mode: Literal["hot", "cold"] = "hot"
    """What becomes of attempts that still run: hot leaves them alone, cold starts them again."""

    from_: Annotated[tuple[StepName, ...], Field(alias="from", max_length=MAX_STEPS)] = ()
    """Steps that run again, with all steps below them."""

    set_: Annotated[
        dict[StepName, Literal["Succeeded", "Pending"]], Field(alias="set", max_length=MAX_STEPS)
    ] = Field(default_factory=dict)
    """Succeeded takes a step as done by hand; Pending is the same as `from`."""


class ResumeError(ValueError):
    """A request that cannot be taken in; the message says why and what to do."""


@lru_cache(maxsize=1024)  # asked about with every plan of a flow that has one
def read_request(text: str) -> ResumeRequest:
    """Read the annotation's value; raises `ResumeError`."""
    cure = f"write JSON such as {EXAMPLE}"
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:  # thousands of brackets exceed the parser's depth
        raise ResumeError(f"{RESUME_ANNOTATION} is no JSON: {error}; {cure}") from error
    try:
        return ResumeRequest.model_validate(document)
    except ValidationError as error:
        problems = "; ".join(
            ": ".join((".".join(map(str, detail["loc"])) or "the value", detail["msg"]))
            for detail in error.errors(include_url=False)[:5]
        )
        raise ResumeError(f"{RESUME_ANNOTATION}: {problems}; {cure}") from error
