"""Functions for tests, in a module that a fresh interpreter can import."""

from __future__ import annotations

import os


def square(number: int) -> int:
    return number * number


def spin(count: int) -> int:
    total = 0
    for number in range(count):
        total += number
    return total


def slow(number: int) -> int:
    spin(20_000)
    return number


def invert(number: int) -> float:
    return 1 / number


class Appender:
    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, number: int) -> None:
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(fd, b"%d\n" % number)
        finally:
            os.close(fd)
