"""`@task`: a typed function as a task template; its arguments become node arguments.

    @task(compute_resources={"memory": "2Gi"})
    def fit(rate: float, seed: int) -> None: ...

    workflow.add_tasks(fit.create_tasks(rate=[0.1, 0.01], seed=range(10)))

A task runs `jobflow call module:fit rate=0.1 seed=3`: a process here, a container on a cluster,
whose image has the module and this library. The function itself can still be called.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, overload

from jobflows.calling.arguments import arguments_of
from jobflows.calling.refusal import Refused
from jobflows.chunking.mains import is_importable
from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.given import shown, text
from jobflows.sdk.scales import Scale
from jobflows.sdk.settings import Settings
from jobflows.sdk.template import TaskTemplate
from jobflows.sdk.tool import Tool

P = ParamSpec("P")
R = TypeVar("R")

MAIN = "__main__"

_tools: dict[str, Tool] = {}


class FunctionTemplate(TaskTemplate, Generic[P, R]):
    """A function as a template. Made by `@task`; called, it is the function itself."""

    def __init__(
        self,
        function: Callable[P, R],
        tool: Tool,
        name: str,
        *,
        task_args: Sequence[str] = (),
        op_args: Sequence[str] = (),
        settings: Settings | None = None,
        image: str = "",
        pod: Mapping[str, Any] | None = None,
    ) -> None:
        owner = f"function '{name}'"
        try:
            self._arguments = arguments_of(function)
        except Refused as error:
            raise DefinitionError(str(error)) from None
        for argument in (*task_args, *op_args):
            if argument not in self._arguments:
                has = ", ".join(self._arguments) or "none"
                raise DefinitionError(f"{owner} has no argument '{argument}'; it has {has}")
        module, self.folder = _where(function, owner)
        self.function = function
        others = {*task_args, *op_args}
        super().__init__(
            tool,
            name,
            [
                "jobflow",
                "call",
                f"{module}:{function.__qualname__}",
                *(f"{argument}={{{argument}}}" for argument in self._arguments),
            ],
            node_args=[argument for argument in self._arguments if argument not in others],
            task_args=task_args,
            op_args=op_args,
            settings=settings,
            image=image,
            pod=pod,
        )
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function here and now."""
        return self.function(*args, **kwargs)

    def text(self, name: str, value: Any) -> str:
        """The value as its annotation has it written."""
        return self._arguments[name].to_text(value)

    def defaults(self) -> Mapping[str, Any]:
        """The defaults of the function."""
        return {n: each.default for n, each in self._arguments.items() if not each.required}


@overload
def task(function: Callable[P, R], /) -> FunctionTemplate[P, R]: ...


@overload
def task(
    *,
    tool: Tool | None = None,
    name: str = "",
    task_args: Sequence[str] = (),
    op_args: Sequence[str] = (),
    compute_resources: Mapping[str, Any] | None = None,
    resource_scales: Mapping[str, Scale] | None = None,
    max_attempts: int | None = None,
    fallbacks: Sequence[Mapping[str, Any]] | None = None,
    image: str = "",
    pod: Mapping[str, Any] | None = None,
) -> Callable[[Callable[P, R]], FunctionTemplate[P, R]]: ...


def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    tool: Tool | None = None,
    name: str = "",
    task_args: Sequence[str] = (),
    op_args: Sequence[str] = (),
    compute_resources: Mapping[str, Any] | None = None,
    resource_scales: Mapping[str, Scale] | None = None,
    max_attempts: int | None = None,
    fallbacks: Sequence[Mapping[str, Any]] | None = None,
    image: str = "",
    pod: Mapping[str, Any] | None = None,
) -> Any:
    """Make a task template of a function of a module.

    Each argument needs an annotation: `str` and `Path` are handed over as they are, everything else
    as JSON. Arguments are node arguments unless `task_args` or `op_args` name them. What the
    function returns can be an `output` for tasks after it. Raises `DefinitionError` for a function
    that a process of its own cannot import, or not call by names.
    """

    def decorate(found: Callable[..., Any]) -> FunctionTemplate[..., Any]:
        if not callable(found):
            raise DefinitionError(f"@task: {shown(found)} is no function; put it above one")
        called = text("@task", "name", name) or getattr(found, "__name__", "")
        said = Settings.of(
            f"template '{called}'", compute_resources, resource_scales, max_attempts, fallbacks
        )
        owner = tool if tool is not None else _tool_of(found)
        made: FunctionTemplate[..., Any] = FunctionTemplate(
            found,
            owner,
            called,
            task_args=task_args,
            op_args=op_args,
            settings=said,
            image=image,
            pod=pod,
        )
        owner.templates[called] = made
        return made

    return decorate if function is None else decorate(function)


def _tool_of(function: Callable[..., Any]) -> Tool:
    """The tool of functions that name none: one for each module."""
    module = function.__module__
    return _tools.setdefault(module, Tool(module))


def _where(function: Callable[..., Any], owner: str) -> tuple[str, Path | None]:
    """The module that another process imports, and the folder that it is found in."""
    if "<" in function.__qualname__:
        raise DefinitionError(
            f"{owner} is inside of another function, where no other process finds it; define it at "
            "the top of a module"
        )
    module = function.__module__
    if module != MAIN:
        return module, _folder(module)
    main = sys.modules[MAIN]
    if main.__spec__ is not None:
        return main.__spec__.name, _folder(main.__spec__.name)
    file = getattr(main, "__file__", None)
    if file is None or not Path(file).stem.isidentifier():
        raise DefinitionError(
            f"{owner} is in a program that no other process can import; define it in a module, in "
            "a file whose name is letters, digits and underscores"
        )
    if not is_importable():
        raise DefinitionError(
            f"{owner} is in a program that would run again in each task; put what it does below "
            "`if __name__ == '__main__':`"
        )
    return Path(file).stem, Path(file).resolve().parent


def _folder(module: str) -> Path | None:
    """Where the top package of a module lies; None for what is installed."""
    top = sys.modules.get(module.partition(".")[0])
    file = getattr(top, "__file__", None)
    if file is None:
        places = list(getattr(top, "__path__", ()))
        return Path(places[0]).resolve().parent if places else None
    path = Path(file).resolve()
    folder = path.parent.parent if path.stem == "__init__" else path.parent
    return None if folder.name in ("site-packages", "dist-packages") else folder
