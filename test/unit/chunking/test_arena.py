"""Memory for large results."""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.chunking import arena
from jobflows.chunking.arena import ALIGNED, SIZE, Arena


@given(st.lists(st.integers(0, SIZE // 16) | st.integers(SIZE // 2, SIZE + 1), max_size=12))
def test_nobody_writes_into_the_room_of_another(lengths: list[int]) -> None:
    made = Arena()
    rooms = [made.room(length) for length in lengths]
    for number, room in enumerate(rooms):
        room[:] = bytes([number]) * len(room)
    assert [len(room) for room in rooms] == lengths
    for number, room in enumerate(rooms):
        assert room == bytes([number]) * len(room)


def test_an_odd_length_leaves_the_next_one_aligned() -> None:
    numpy = pytest.importorskip("numpy")
    made = Arena()
    places = [numpy.frombuffer(made.room(length), numpy.uint8).ctypes.data for length in (1, 7, 65)]
    assert [place % ALIGNED for place in places] == [0, 0, 0]


def test_memory_goes_back_with_the_last_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    maps: list[weakref.ref[object]] = []
    really = arena._map

    def counted(length: int) -> memoryview:
        view = really(length)
        maps.append(weakref.ref(view.obj))
        return view

    monkeypatch.setattr(arena, "_map", counted)
    made = Arena()
    kept = made.room(100)
    for _ in range(3):
        made.room(SIZE // 2)
    gc.collect()
    assert [map_() is not None for map_ in maps] == [True, True]
    del kept
    gc.collect()
    assert [map_() is not None for map_ in maps] == [False, True]
