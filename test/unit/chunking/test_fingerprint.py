"""Which changes make a function another one, and which do not."""

import functools
import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from jobflows.chunking.checkpoint import FingerprintError, function_key, items_fingerprint

ROOT = Path(__file__).parents[3]

MODULE = '''
LIMIT = 3
NAMES = {"a", "b", "c"}

def helper(x):
    return x + 1

class Scale:
    def __init__(self, by=2): self.by = by
    def times(self, x): return x * self.by

def work(x, base=10):
    """What it does."""
    # a comment
    if x in {"low", "high", "medium"}:
        return helper(x) + LIMIT
    return [Scale().times(y) for y in range(base)]
'''


def key(source: str, expression: str = "work", seed: str = "0") -> dict[str, str]:
    """The key of a function of a module, in a process of its own."""
    program = (
        "import json, sys, types; from jobflows.chunking.checkpoint import function_key\n"
        "module = types.ModuleType('module'); exec(sys.stdin.read(), module.__dict__)\n"
        f"print(json.dumps(function_key(eval({expression!r}, module.__dict__))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator"), "PYTHONHASHSEED": seed},
        input=textwrap.dedent(source),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_the_same_function_has_the_same_key_in_every_process() -> None:
    assert key(MODULE, seed="1") == key(MODULE, seed="2")
    assert key(MODULE)["function"] == "module.work"


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("x * self.by", "x + self.by", "code"),
        ("x + 1", "x + 2", "code"),
        ("helper(x) + LIMIT", "helper(x) - LIMIT", "code"),
        ('"medium"', '"middle"', "code"),
        ("LIMIT = 3", "LIMIT = 4", "values"),
        ("base=10", "base=11", "values"),
        ("by=2", "by=3", "values"),
    ],
)
def test_what_changes_a_result_changes_the_key(old: str, new: str, part: str) -> None:
    before, after = key(MODULE), key(MODULE.replace(old, new))
    assert {name for name in before if before[name] != after[name]} == {part}


@pytest.mark.parametrize(
    ("old", "new"),
    [("What it does.", "What it really does."), ("# a comment\n", "#\n    #\n"), ('"a",', '"z",')],
)
def test_what_changes_no_result_does_not(old: str, new: str) -> None:
    assert key(MODULE) == key(MODULE.replace(old, new))


def test_closures_and_partials_count_by_their_values() -> None:
    def scaled(by: object) -> dict[str, str]:
        return function_key(lambda x: (x, by))

    assert scaled([1, {"a": {2, 3}}]) == scaled([1, {"a": {3, 2}}])
    assert scaled(1)["values"] != scaled(True)["values"]
    assert scaled([1]) != scaled((1,))
    assert scaled(Path("a")) == scaled(Path("a")) != scaled(Path("b"))
    assert function_key(functools.partial(pow, 2)) != function_key(functools.partial(pow, 3))
    assert function_key(len)["function"] == "builtins.len"


def test_what_holds_itself_has_a_key() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert function_key(lambda: loop)

    def recursive(n: int) -> int:
        return recursive(n - 1) if n else 0

    assert function_key(recursive) == function_key(recursive)


def test_a_value_that_cannot_be_told_is_named() -> None:
    lock = threading.Lock()
    with pytest.raises(FingerprintError, match=r"the value .lock. that .* closes over: .*plain"):
        function_key(lambda: lock)


def test_items_count_in_their_order_and_with_their_types() -> None:
    assert items_fingerprint([1, "a", {"k": 1.5}]) == items_fingerprint(iter([1, "a", {"k": 1.5}]))
    assert items_fingerprint([1, 2]) != items_fingerprint([2, 1])
    assert items_fingerprint([1]) != items_fingerprint([True]) != items_fingerprint(["1"])
    assert items_fingerprint(["ab", "c"]) != items_fingerprint(["a", "bc"])
