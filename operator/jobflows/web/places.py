"""The addresses of pages. Names are quoted, so that none leads anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from fastapi import Request

STATIC = "/static"


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses as seen from one request."""

    request: Request

    def here(self, **changed: str | int | None) -> str:
        """This page with other values in its query; None leaves one out."""
        query = {**self.request.query_params, **changed}
        kept = {key: value for key, value in query.items() if value not in (None, "")}
        return f"?{urlencode(kept)}" if kept else "?"

    def value(self, name: str) -> str:
        """A value of the query."""
        return self.request.query_params.get(name, "")

    def flows(self, **query: str) -> str:
        return _with("/", query)

    def flow(self, flow: str, **query: str | int) -> str:
        return _with(f"/flows/{_quoted(flow)}", query)

    def step(self, flow: str, step: str, **query: str | int) -> str:
        return _with(f"/flows/{_quoted(flow)}/steps/{_quoted(step)}", query)

    def attempt(self, flow: str, step: str, attempt: int, task: int) -> str:
        query: dict[str, str | int] = {"step": step, "attempt": attempt}
        if task >= 0:
            query["task"] = task
        return _with(f"/flows/{_quoted(flow)}/attempt", query)

    def log(self, flow: str, step: str, attempt: int, task: int) -> str:
        return self.attempt(flow, step, attempt, task).replace("/attempt?", "/log?", 1)

    def act(self, flow: str) -> str:
        return f"/flows/{_quoted(flow)}/act"

    def kind(self, kind: str) -> str:
        return f"/kinds/{_quoted(kind)}"

    def error(self, error: str) -> str:
        return f"/errors/{_quoted(error)}"


def _quoted(name: str) -> str:
    return quote(name, safe="", errors="replace")


def _with(path: str, query: Mapping[str, str | int]) -> str:
    return f"{path}?{urlencode(query, errors='replace')}" if query else path
