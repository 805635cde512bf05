"""Worker processes: starts them, gathers what they send, and makes good what one takes with it.

A worker that dies loses only what it had not sent. The supply knows which positions those were, and
the board among which it stood; from then on all workers tell each single one. The others go to
somebody else at once. The one a worker stood on is tried again alone; when that kills a second
worker, it has failed, and is named.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from jobflows.chunking.board import CURSOR, DONE, EACH, HALT, PART, RETIRE, SINCE, WANTED, Board
from jobflows.chunking.errors import ItemError, WorkersLostError, show
from jobflows.chunking.mailbox import Mailbox
from jobflows.chunking.supply import Batch, Supply
from jobflows.chunking.tally import Sums, Tally

STRIKES = 2
"""Workers that one item may kill before it has failed."""
LEAVE_SECONDS = 0.5
"""Time that a worker has to end once everything is done; it needs about a millisecond."""
STILLBORN = 5
"""Workers in a row that may die before they begin an item."""


@dataclass(frozen=True, slots=True)
class Pipes:
    """The ends of a worker's pipes; the collector has the other ones.

    `life` carries nothing: that the collector closes it, or dies, is the news.
    """

    out: int
    inbox: int
    life: int

    def close(self) -> None:
        for fd in (self.out, self.inbox, self.life):
            os.close(fd)


class Starter(Protocol):
    """Starts a worker process in one of the ways there are."""

    def start(self, slot: int, pipes: Pipes, others: list[int]) -> int:
        """The process id of a worker on these ends; `others` are not for it."""

    def ended(self, pid: int) -> int:
        """The wait status of a worker that is gone, or is about to be."""


@dataclass(slots=True)
class _Member:
    pid: int
    slot: int
    pipes: Pipes
    mailbox: Mailbox
    timed_out: bool = False


class Crew:
    """At most `workers` processes. `gather` until `is_over`; `close`, whatever state it is in."""

    def __init__(
        self,
        starter: Starter,
        supply: Supply,
        board: Board,
        *,
        workers: int,
        timeout: float | None,
    ) -> None:
        self._starter = starter
        self._supply = supply
        self._board = board
        self._timeout = timeout
        board.words[EACH] = timeout is not None
        self.wanted = self._most = workers
        self._members: dict[int, _Member] = {}
        self._slots = list(range(board.slots - 1, -1, -1))
        self._strikes: Counter[int] = Counter()
        self._stillborn = 0
        self._poll = select.poll()
        self.tally = Tally(board)
        self.deaths = 0

    def start(self) -> None:
        """Start as many workers as are wanted."""
        while len(self._members) < self.wanted and self._slots:
            self._start_one(self._slots.pop())

    @property
    def pids(self) -> list[int]:
        return [member.pid for member in self._members.values()]

    @property
    def is_over(self) -> bool:
        """Whether everything has its result, or nobody is there to work and nobody shall be."""
        nobody = not self._members and (self.is_halted or not self.wanted)
        return self._supply.is_done or nobody

    @property
    def at_once(self) -> int:
        """Items that are worked on at the same time."""
        at = [self._board.slot(member.slot) + WANTED for member in self._members.values()]
        return sum(max(1, self._board.words[word]) for word in at)

    @property
    def sums(self) -> Sums:
        return self.tally.sums()

    @property
    def is_halted(self) -> bool:
        return bool(self._board.words[HALT])

    def allow(self, limit: int) -> None:
        """Let so many items in all be taken."""
        self._supply.allow(limit)

    def halt(self) -> None:
        """Have all workers send what they have and go; safe in a signal handler."""
        self._board.words[HALT] = 1

    def retire(self, count: int) -> None:
        """Ask so many workers to go after their item, and do not replace them."""
        self.wanted = self._most = max(0, self.wanted - count)
        at = [self._board.slot(member.slot) + RETIRE for member in self._members.values()]
        for word in [word for word in at if not self._board.words[word]][:count]:
            self._board.words[word] = 1
        self._supply.halt()

    def close(self) -> None:
        """Let everybody go who has nothing left to do, kill the others, and wait for them."""
        if self._supply.is_done:
            self._let_go()
        for member in self._members.values():
            os.kill(member.pid, signal.SIGKILL)
        for member in list(self._members.values()):
            self._reap(member)
        self.tally.close()
        self._board.close()

    def gather(self, seconds: float) -> Iterator[Batch]:
        """What comes within `seconds`, as soon as anything comes."""
        supply = self._supply
        if self.is_halted:
            supply.halt()
            self._hang_up()
        else:
            supply.serve(self.tally.mean)
        for fd, _ in self._waiting(seconds):
            member = self._members.get(fd)
            if member is None:
                continue  # a pipe that can take more
            for segments in member.mailbox.receive():
                for part in segments:
                    yield from supply.accept(member.slot, part)
            if member.mailbox.closed:
                yield from self._gone(member)
        if self._timeout is not None:
            self._kill_late(self._timeout)
        if not self._members and not supply.is_done and not self.is_halted and self.wanted:
            self.start()

    def _waiting(self, seconds: float) -> list[tuple[int, int]]:
        """Wait for news; pipes that were full are news when they are not."""
        full = self._supply.unread()
        for fd in full:
            self._poll.register(fd, select.POLLOUT)
        try:
            return self._poll.poll(seconds * 1000)
        finally:
            for fd in full:
                self._poll.unregister(fd)

    def _hang_up(self) -> None:
        """Close the pipes of those who may wait for items."""
        for member in self._members.values():
            if member.pipes.inbox >= 0:
                os.close(member.pipes.inbox)
                member.pipes = Pipes(member.pipes.out, -1, member.pipes.life)

    def _let_go(self) -> None:
        """Wait a moment for workers to write what the function has printed, and to end."""
        self._supply.halt()
        self._hang_up()
        until = time.monotonic() + LEAVE_SECONDS
        while self._members and (left := until - time.monotonic()) > 0:
            for fd, _ in self._poll.poll(left * 1000):
                member = self._members[fd]
                member.mailbox.receive()
                if member.mailbox.closed:
                    self._reap(member)

    def _start_one(self, slot: int) -> None:
        self._board.clear(slot)
        (out, theirs_out), (theirs_in, inbox), (theirs_life, life) = os.pipe(), os.pipe(), os.pipe()
        theirs = Pipes(theirs_out, theirs_in, theirs_life)
        mine = [fd for m in self._members.values() for fd in _open(m.pipes)]
        try:
            pid = self._starter.start(slot, theirs, [*mine, out, inbox, life])
        finally:
            theirs.close()
        member = _Member(pid, slot, Pipes(out, inbox, life), Mailbox(out, self._board, slot))
        self._members[out] = member
        self._poll.register(out, select.POLLIN)
        self._supply.joined(slot, inbox)
        self.tally.joined(slot)

    def _reap(self, member: _Member) -> int:
        """Wait for a process that is gone or about to be, and forget it; its wait status."""
        self._poll.unregister(member.mailbox.fd)
        member.mailbox.release()
        for fd in _open(member.pipes):
            os.close(fd)
        status = self._starter.ended(member.pid)
        self.tally.left(member.slot)
        self._slots.append(member.slot)
        del self._members[member.mailbox.fd]
        return status

    def _gone(self, member: _Member) -> Iterator[Batch]:
        """A worker has ended; what it held and did not send is done anew."""
        slot, said_so = member.slot, member.mailbox.bye
        lost = list(self._supply.left(slot))
        at = self._board.slot(slot)
        stood_on, part, done = (self._board.words[at + word] for word in (CURSOR, PART, DONE))
        status = self._reap(member)
        alone = None
        if not said_so:
            self.deaths += 1
            self._count_stillborn(status, began=bool(part or done))
            if part > 1:  # which of them it was will be known next time
                self._board.words[EACH] = 1
                self.wanted = max(self.wanted, self._most)
            elif part and stood_on in lost:
                alone = stood_on
                failure = self._suspect(stood_on, status, timed_out=member.timed_out)
                if failure is not None:
                    yield from self._supply.give_up(slot, stood_on, failure)
                    lost.remove(stood_on)
                    alone = None
        self._supply.again(lost, alone)
        if self._supply.has_work and not self.is_halted:
            self.start()

    def _count_stillborn(self, status: int, *, began: bool) -> None:
        """Give up when one worker after the other dies before it has begun anything."""
        self._stillborn = 0 if began else self._stillborn + 1
        if self._stillborn > STILLBORN:
            raise WorkersLostError(
                f"{self._stillborn} workers ended before they began an item, the last by "
                f"{_how(status)}: see what they wrote to stderr"
            )

    def _suspect(self, position: int, status: int, *, timed_out: bool) -> ItemError | None:
        """What became of the item that a dead worker stood on; None if it is to be tried again."""
        index, item = self._supply.item(position)
        if timed_out:
            words = f"took longer than {self._timeout:g} s, and its worker was killed"
            return ItemError(index, show(item), "timeout", words)
        self._strikes[index] += 1
        if self._strikes[index] < STRIKES:
            return None
        words = f"killed {STRIKES} workers: {_how(status)}"
        return ItemError(index, show(item), "killed", words)

    def _kill_late(self, timeout: float) -> None:
        now = time.perf_counter_ns()
        for member in self._members.values():
            since = self._board.words[self._board.slot(member.slot) + SINCE]
            if since and now - since > timeout * 1e9 and not member.timed_out:
                member.timed_out = True
                os.kill(member.pid, signal.SIGKILL)


def _open(pipes: Pipes) -> list[int]:
    return [fd for fd in (pipes.out, pipes.inbox, pipes.life) if fd >= 0]


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    hint = ", as the kernel does when memory runs out" if -code == signal.SIGKILL else ""
    return f"signal {name}{hint}"
