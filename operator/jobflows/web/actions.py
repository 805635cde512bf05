"""What may be told to a flow from a page, where that is allowed: the same as from a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jobflows.archive import FlowInfo
from jobflows.steering import orders
from jobflows.steering.orders import Place
from jobflows.steering.resuming import resume
from jobflows.web.forms import RefusedError
from jobflows.web.reader import Reader

MOST_TASKS = 100_000


@dataclass(frozen=True, slots=True)
class Order:
    """What a button says: its name, and of some a step or a value."""

    name: str
    step: str = ""
    value: str = ""


class Orders(Protocol):
    """Whom orders are given to."""

    @property
    def resumes(self) -> bool:
        """Whether a flow that has ended can be told to run again."""
        ...

    def give(self, flow: FlowInfo, order: Order, reader: Reader | None) -> None:
        """Give an order; raises `RefusedError`."""
        ...

    def possible(self, flow: FlowInfo, reader: Reader | None) -> bool:
        """Whether that flow can be told anything by that reader."""
        ...


async def follow(place: Place, name: str, order: Order) -> None:
    """Do as the order says. Raises `SteerError` and `RefusedError`."""
    match order.name:
        case "approve" | "reject":
            await orders.answer(place, name, order.step, yes=order.name == "approve")
        case "pause":
            await orders.pause(place, name)
        case "unpause":
            await orders.unpause(place, name)
        case "stop":
            await orders.stop(place, name)
        case "parallelism":
            await orders.set_parallelism(place, name, _number(order.value))
        case "resume":
            await resume(place, name, from_=[order.step] if order.step else [])
        case _:
            raise RefusedError("that is no order")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:10]) <= MOST_TASKS):
        raise RefusedError(f"tasks at once: a number from 0 to {MOST_TASKS:,}")
    return int(text)
