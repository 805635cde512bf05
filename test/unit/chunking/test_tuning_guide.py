"""Examples for tuning, as users of Amorsize write them: each runs once the import names us.

`tuning_guide.txt` has them as they stand; what they take for granted, such as `my_func`, is small.
"""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import jobflows.chunking
from sample_functions import spin

_TEXT = (Path(__file__).parent / "tuning_guide.txt").read_text()
_PARTS = re.split(r"^#### (.*)\n", _TEXT, flags=re.MULTILINE)[1:]
EXAMPLES = dict(zip(_PARTS[::2], _PARTS[1::2], strict=True))

FUNCTIONS = """
    my_func expensive_computation analyze_text process_item my_function variable_function process
    preprocess_only process_frame unknown_func cpu_bound_func memory_intensive_func variable_func
    process_record
"""
SINKS = """
    process_immediately handle_result save_to_disk display_frame load_from_disk preprocess
    gpu_batch_compute
"""
INPUTS = "documents items records images data_stream video_stream"


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the examples take for granted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = multiprocessing.get_start_method(allow_none=True)
    names: dict[str, Any] = {"__name__": "__main__", "data": list(range(40))}
    for name in ("optimize", "execute", "optimize_streaming"):
        names[name] = getattr(jobflows.chunking, name)
    names |= dict.fromkeys(FUNCTIONS.split(), _work)
    names |= dict.fromkeys(SINKS.split(), _nothing)
    names |= dict.fromkeys(("tiny_func", "my_fast_func"), abs)
    names |= dict.fromkeys(INPUTS.split(), range(40))
    names["io_bound_func"] = _wait
    names["resize_image"] = lambda path, size: spin(size[0])
    names["result"] = jobflows.chunking.optimize(_work, range(60), profile=True)
    yield names
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_runs_as_it_stands(title: str, surroundings: dict[str, Any]) -> None:
    exec(compile(EXAMPLES[title], title, "exec"), surroundings)

    found = surroundings.get("result")
    if isinstance(found, jobflows.chunking.OptimizationResult):
        assert found.n_jobs >= 1
        assert found.chunksize >= 1


def test_all_examples_are_there() -> None:
    assert len(EXAMPLES) == 56


def _work(number: int) -> int:
    spin(2000)
    return number


def _nothing(value: Any) -> Any:
    return value


def _wait(number: int) -> int:
    time.sleep(0.001)
    return number
