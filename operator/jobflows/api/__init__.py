"""What a JobFlow is: its models, its defaults, the one validator, and the CRD made from them.

Everything else in the project imports from here; this package imports nothing of the project. The
model is imported when it is first asked for: quantities and the like need the standard library
only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobflows.api.model import API_VERSION, GROUP, KIND, PLURAL, VERSION, JobFlow

__all__ = ["API_VERSION", "GROUP", "KIND", "PLURAL", "VERSION", "JobFlow"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jobflows.api import model  # noqa: PLC0415 - see above

    found: object = getattr(model, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
