"""The cache of compiled flows: one value a flow, as long as its generation lasts."""

from __future__ import annotations

import pytest

from jobflows.dag import CompileCache


def test_a_generation_is_compiled_once() -> None:
    cache: CompileCache[object] = CompileCache()
    first = cache.get("uid", 1, object)

    assert cache.get("uid", 1, object) is first
    assert (cache.requests, cache.hits) == (2, 1)


@pytest.mark.parametrize(("uid", "generation"), [("uid", 2), ("other", 1)])
def test_another_generation_or_another_flow_is_compiled_anew(uid: str, generation: int) -> None:
    cache: CompileCache[object] = CompileCache()
    first = cache.get("uid", 1, object)

    assert cache.get(uid, generation, object) is not first
    assert cache.hits == 0


def test_only_the_newest_generation_is_kept() -> None:
    cache: CompileCache[int] = CompileCache()
    for generation in range(100):
        cache.get("uid", generation, lambda g=generation: g)  # type: ignore[misc]

    assert len(cache) == 1


def test_a_flow_that_does_not_compile_is_not_kept() -> None:
    cache: CompileCache[int] = CompileCache()

    def fails() -> int:
        raise ValueError("cycle")

    for _ in range(2):
        with pytest.raises(ValueError, match="cycle"):
            cache.get("uid", 1, fails)
    assert len(cache) == 0
    assert cache.get("uid", 1, lambda: 7) == 7


def test_a_dropped_flow_is_forgotten_and_the_counters_stay() -> None:
    cache: CompileCache[int] = CompileCache()
    cache.get("uid", 1, lambda: 1)
    cache.drop("uid")
    cache.drop("never seen")

    assert len(cache) == 0
    assert cache.requests == 1
