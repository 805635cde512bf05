"""A tool: a program of yours, with the defaults of its templates and its workflows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.given import mapping, text
from jobflows.sdk.scales import Scale
from jobflows.sdk.settings import Settings
from jobflows.sdk.template import TaskTemplate
from jobflows.sdk.workflow import Workflow


class Tool:
    """A program, its templates, and what they have in common.

    `image` is the container image that tasks run in on a cluster; on one machine it is not used.
    `pod` is the rest of a pod's spec as Kubernetes has it, such as volumes; what it says of a
    container called `main` is kept, and `metadata` in it has labels and annotations. Amounts in
    `compute_resources`:

    | key | value |
    |---|---|
    | `memory` | `500Mi`, `2Gi`; a number is GiB |
    | `cores` | `2`, `0.5`, `500m` |
    | `runtime` | seconds, `90s`, `1h30m`, `HH:MM:SS`: how long an attempt may take |
    | `queue` | a Kueue queue |
    | `node_selector`, `tolerations`, `priority_class` | where pods run |
    | `nvidia.com/gpu` and the like | any other resource of Kubernetes |

    `resource_scales` say how `memory`, `runtime` and `cores` grow when an attempt had too little:
    memory after running out of it, the others after a timeout. Default: memory and runtime by half.

    | scale | the next amount |
    |---|---|
    | a number, `0.5` | so much more of the one before: 8, 12, 18; 0 keeps it |
    | a list, `["12Gi", "18Gi"]` | its items in turn; the last one stays |
    | CEL over `value`, `"value * 1.5 + 1.0"` | what it gives, of GiB, seconds or cores |
    | a function of one number | the same; called when the flow is made |
    | `{"scale": 0.5, "max": "64Gi"}` | one of these, up to a largest amount |

    `max_attempts` is 3 unless something says another number. Whatever is said here holds for all
    tasks; a workflow, a template and a task may each say something else, the nearest one counts.
    Raises `DefinitionError` for what cannot be read.
    """

    def __init__(
        self,
        name: str,
        *,
        image: str = "",
        pod: Mapping[str, Any] | None = None,
        compute_resources: Mapping[str, Any] | None = None,
        resource_scales: Mapping[str, Scale] | None = None,
        max_attempts: int | None = None,
    ) -> None:
        if not text("a tool", "name", name).strip():
            raise DefinitionError("a tool needs a name")
        self.name = name
        self.owner = f"tool '{name}'"
        self.image = text(self.owner, "image", image)
        self.pod = dict(mapping(self.owner, "pod", pod))
        self.settings = Settings.of(self.owner, compute_resources, resource_scales, max_attempts)
        self.templates: dict[str, TaskTemplate] = {}

    def __repr__(self) -> str:
        return f"<Tool {self.name}>"

    def get_task_template(
        self,
        template_name: str,
        command_template: str | Sequence[str],
        *,
        node_args: Sequence[str] = (),
        task_args: Sequence[str] = (),
        op_args: Sequence[str] = (),
        compute_resources: Mapping[str, Any] | None = None,
        resource_scales: Mapping[str, Scale] | None = None,
        max_attempts: int | None = None,
        fallbacks: Sequence[Mapping[str, Any]] | None = None,
        yaml_file: str | PathLike[str] | None = None,
        image: str = "",
        pod: Mapping[str, Any] | None = None,
    ) -> TaskTemplate:
        """A template of this tool.

        `command_template` is a command with `{name}` for each argument, or a list of its words. A
        value is never read as shell text. `fallbacks` are other places to run for what has outgrown
        its scale's `max`: `{"node_selector": {"pool": "big"}, "max": {"memory": "64Gi"}}`.
        `yaml_file` has amounts and scales under the template's name, below what is given here.
        Raises `DefinitionError`.
        """
        if not text(self.owner, "template_name", template_name).strip():
            raise DefinitionError(f"{self.owner}: a template needs a name")
        owner = f"template '{template_name}'"
        settings = Settings.of(owner, compute_resources, resource_scales, max_attempts, fallbacks)
        if yaml_file is not None:
            from jobflows.sdk.files import read_file  # noqa: PLC0415 - see the package

            read_file(yaml_file).template(template_name, settings)
        made = TaskTemplate(
            self,
            template_name,
            command_template,
            node_args=node_args,
            task_args=task_args,
            op_args=op_args,
            settings=settings,
            image=image,
            pod=pod,
        )
        self.templates[template_name] = made
        return made

    def create_workflow(
        self,
        workflow_args: str = "",
        name: str = "",
        *,
        max_concurrently_running: int | None = None,
        compute_resources: Mapping[str, Any] | None = None,
        resource_scales: Mapping[str, Scale] | None = None,
        max_attempts: int | None = None,
        retry_delay: str | None = None,
    ) -> Workflow:
        """A workflow of this tool; see `Workflow`."""
        return Workflow(
            self,
            workflow_args,
            name,
            max_concurrently_running=max_concurrently_running,
            compute_resources=compute_resources,
            resource_scales=resource_scales,
            max_attempts=max_attempts,
            retry_delay=retry_delay,
        )

    def set_default_compute_resources(self, **compute_resources: Any) -> None:
        """Change what all tasks ask for, key by key."""
        self.settings.compute_resources |= Settings.of(
            self.owner, compute_resources
        ).compute_resources

    def set_default_resource_scales(self, **resource_scales: Scale) -> None:
        """Change how resources of all tasks grow, key by key."""
        said = Settings.of(self.owner, None, resource_scales)
        self.settings.resource_scales |= said.resource_scales

    def set_defaults_from_yaml(
        self,
        yaml_file: str | PathLike[str],
        *,
        cluster_name: str = "",
        ignore_missing_keys: bool = False,
    ) -> None:
        """Take amounts and scales of this tool and of its templates from a file.

            tool_resources: {cores: 1, memory: 1Gi}
            task_template_resources:
              fit: {memory: 4Gi, runtime: 2h}
            task_template_scales:
              fit: {memory: 0.5}

        What was given in code counts more. A file of Jobmon has one level more, the cluster;
        `cluster_name` says which if there are several. Raises `DefinitionError` for a template that
        is not in the file, unless `ignore_missing_keys`.
        """
        from jobflows.sdk.files import read_file  # noqa: PLC0415 - see the package

        found = read_file(yaml_file, cluster_name)
        found.tool(self.settings)
        for template in self.templates.values():
            found.template(template.name, template.settings, may_miss=ignore_missing_keys)
