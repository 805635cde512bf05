"""Resource quantities as Kubernetes writes them: `500m`, `1.5Gi`, `2e3`.

Exact: what is no whole number of bytes or of thousandths of a core is rounded up, as Kubernetes
does, so that nothing that was asked for becomes zero.
"""

import re
from decimal import ROUND_CEILING, Decimal

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:([eE][+-]?[0-9]{1,3})|([numkMGTPE]|[KMGTPE]i)?)\Z"
)
_SCALE = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}


class QuantityError(ValueError):
    """Something is not a quantity."""

    def __init__(
        self, message: str, *, cure: str = "Write a quantity such as 500m, 2 or 1Gi"
    ) -> None:
        super().__init__(message)
        self.cure = cure


def parse_quantity(value: object) -> Decimal:
    """Return the exact number of a quantity; `QuantityError` if it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QuantityError(f"{value!r} is not a quantity")
    match = _QUANTITY.match(str(value))
    if match is None:
        raise QuantityError(f"{value!r:.80} is not a quantity")
    number = Decimal(match[1] + (match[2] or ""))
    return number * _SCALE[match[3]] if match[3] else number


def to_bytes(value: object) -> int:
    """An amount of memory in bytes, rounded up."""
    return _whole(parse_quantity(value))


def to_millis(value: object) -> int:
    """An amount of CPU in thousandths of a core, rounded up."""
    return _whole(parse_quantity(value) * 1000)


def format_bytes(amount: int) -> str:
    """Memory as people write it: in Mi if that is exact."""
    mebibytes, rest = divmod(amount, 2**20)
    return str(amount) if rest else f"{mebibytes}Mi"


def format_millis(amount: int) -> str:
    """CPU as people write it: cores if they are whole, else thousandths."""
    cores, rest = divmod(amount, 1000)
    return f"{amount}m" if rest else str(cores)


def _whole(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_CEILING))
