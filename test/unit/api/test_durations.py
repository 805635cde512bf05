"""Go durations and Kubernetes quantities."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.api.durations import format_duration, parse_duration
from jobflows.api.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10.0),
        ("1h30m", 5400.0),
        ("500ms", 0.5),
        ("1.5s", 1.5),
        ("0s", 0.0),
        ("1h0m0.1s", 3600.1),
        ("3us", 3e-6),
        ("3µs", 3e-6),
        ("7ns", 7e-9),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "s", "-1s", "1 s", "1d", "1s\n", "1.s", 10, None, "9" * 40]
)
def test_no_durations(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@given(st.integers(0, 10**16))
def test_a_duration_survives_its_text_to_the_nanosecond(nanoseconds: int) -> None:
    text = format_duration(nanoseconds / 10**9)

    assert round(parse_duration(text) * 10**9) == round(nanoseconds / 10**9 * 10**9)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("2", "2"),
        (2, "2"),
        (0.5, "0.5"),
        ("1Gi", "1073741824"),
        ("1.5G", "1500000000"),
        ("1e3", "1000"),
        ("1E", "1000000000000000000"),
        ("-1k", "-1000"),
    ],
)
def test_quantities(text: object, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "1 Gi", "1GB", "Gi", True, None, "1e1000", "1Gi\n"])
def test_no_quantities(text: object) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)
