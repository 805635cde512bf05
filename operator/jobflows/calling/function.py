"""From `pkg.mod:fn` to a function.

Modules are found as `python -m` finds them: the current directory comes first.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from jobflows.calling.refusal import Refused


def see_current_directory() -> None:
    """Let modules of the current directory be found, as `python -m` does."""
    here = os.getcwd()
    if not sys.flags.safe_path and here not in sys.path:
        sys.path.insert(0, here)


def find_function(name: str) -> Callable[..., Any]:
    """The function under a name; raises `Refused` with what was probably meant."""
    module_name, colon, path = name.partition(":")
    if not colon or not all(part.isidentifier() for part in f"{module_name}.{path}".split(".")):
        raise Refused(f"{name}: name a function as package.module:function")
    found = _module(module_name)
    where = f"module {module_name}"
    for part in path.split("."):
        if not hasattr(found, part):
            known = [each for each in dir(found) if callable(getattr(found, each, None))]
            close = difflib.get_close_matches(part, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise Refused(f"{name}: {where} has no function '{part}'{hint}")
        found, where = getattr(found, part), f"{where}, {part}"
    if not callable(found):
        raise Refused(f"{name}: is of type {type(found).__name__}, not a function")
    if inspect.iscoroutinefunction(found):
        raise Refused(f"{name}: is async; name one that calls asyncio.run(…) for an item")
    function: Callable[..., Any] = found
    return function


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise Refused(
                f"module {error.name} is not found: run from the folder that holds it, put that "
                "folder into PYTHONPATH, or install the package"
            ) from None
        raise Refused(f"module {name} cannot be imported: {_last_frames(error)}") from None
    except Exception as error:  # noqa: BLE001 - a module may raise anything, and it is shown
        raise Refused(f"module {name} cannot be imported: {_last_frames(error)}") from None


def _last_frames(error: BaseException) -> str:
    """What went wrong, and where, without the machinery of imports."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and frame.filename != importlib.__file__
    ]
    said = "".join(traceback.format_exception_only(error)).strip()
    places = "".join(traceback.format_list(frames[1:])).rstrip()
    return f"{said}\n{places}" if places else said
