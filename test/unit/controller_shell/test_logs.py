"""Log lines: valid JSON with the flow on them, and nothing secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from jobflows.controller import logs
from jobflows.controller.settings import LogFormat


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What is logged; the root logger is as before afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    libraries = {name: logging.getLogger(name).level for name in ("asyncio", "kopf")}
    yield io.StringIO()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, known in libraries.items():
        logging.getLogger(name).setLevel(known)


def only_line(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    decoded = json.loads(line)
    assert isinstance(decoded, dict)
    return decoded


def test_a_line_is_json_with_flow_and_step(stream: io.StringIO) -> None:
    logs.configure("json", "info", stream)
    log = logs.bind(logging.getLogger("jobflows.x"), namespace="default", flow="nightly")

    log.info("started %d", 3, extra={"step": "extract"})

    line = only_line(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "jobflows.x",
        "message": "started 3",
        "namespace": "default",
        "flow": "nightly",
        "step": "extract",
    }


def test_binding_again_adds_fields(stream: io.StringIO) -> None:
    logs.configure("json", "info", stream)
    log = logs.bind(logs.bind(logging.getLogger("x"), flow="a"), step="b")
    log.warning("w")
    assert only_line(stream).items() >= {"flow": "a", "step": "b", "level": "warning"}.items()


def test_names_of_the_logging_module_cannot_be_bound() -> None:
    with pytest.raises(ValueError, match="name: reserved"):
        logs.bind(logging.getLogger("x"), name="nightly")


def test_a_field_does_not_hide_the_line(stream: io.StringIO) -> None:
    logs.configure("json", "info", stream)
    logging.getLogger("x").info("m", extra={"level": "mine", "logger": "mine"})
    assert only_line(stream).items() >= {"level": "info", "field_level": "mine"}.items()


def test_an_exception_is_one_line_too(stream: io.StringIO) -> None:
    logs.configure("json", "info", stream)
    try:
        raise ValueError("broken\nin two lines")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "ValueError: broken" in only_line(stream)["error"]


def test_any_value_can_be_logged(stream: io.StringIO) -> None:
    logs.configure("json", "info", stream)
    loop: list[Any] = []
    loop.append(loop)
    extra = {"a": object(), "b": {1: float("nan")}, "c": "\ud800", "d": "\x00\n", "e": loop}
    logging.getLogger("x").info("m", extra=extra)
    assert only_line(stream)["message"] == "m"


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_blotted_out(stream: io.StringIO, form: LogFormat) -> None:
    logs.configure(form, "info", stream)
    extra = {"token": "t0ps3cret", "db_password": "t0ps3cret", "header": "Bearer t0ps3cret"}
    logging.getLogger("x").info("got Authorization: Bearer t0ps3cret", extra=extra)
    assert "t0ps3cret" not in stream.getvalue()
    assert stream.getvalue().count("[hidden]") == 4


def test_kopfs_lines_say_their_object_the_same_way(stream: io.StringIO) -> None:
    logs.configure("json", "info", stream)
    reference = {"kind": "JobFlow", "namespace": "default", "name": "nightly"}
    extra = {"k8s_ref": reference, "k8s_skip": True, "settings": None}
    log = logging.getLogger("kopf.objects")
    log.info("kopf tells of itself", extra=extra)
    log.warning("m", extra=extra)
    line = only_line(stream)
    assert line.items() >= {"namespace": "default", "flow": "nightly"}.items()
    assert not line.keys() & {"k8s_ref", "k8s_skip", "settings"}


def test_text_is_for_people(stream: io.StringIO) -> None:
    logs.configure("text", "info", stream)
    log = logs.bind(logging.getLogger("jobflows.x"), flow="default/nightly")
    log.error("bad", extra={"reason": "two words"})
    line = stream.getvalue().rstrip()
    assert line.split(" ", 1)[1] == (
        'ERROR   jobflows.x: bad  flow=default/nightly reason="two words"'
    )


def test_what_is_below_the_level_is_left_out(stream: io.StringIO) -> None:
    logs.configure("json", "warning", stream)
    logging.getLogger("x").info("m")
    assert stream.getvalue() == ""
