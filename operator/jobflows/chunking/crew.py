"""Worker processes: starts them, gathers what they send, and makes good what one takes with it.

A worker that dies loses only what it had not sent. The supply knows which positions those were, and
the board among which it stood; from then on all workers tell each single one. The others go to
somebody else at once. The one a worker stood on is tried again alone; when that kills a second
worker, it has failed, and is named.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from jobflows.chunking.blame import Blame
from jobflows.chunking.board import CURSOR, DONE, EACH, HALT, PART, RETIRE, SINCE, WANTED, Board
from jobflows.chunking.errors import WorkersLostError
from jobflows.chunking.mailbox import Mailbox
from jobflows.chunking.memory import private_memory
from jobflows.chunking.signals import kill, undisturbed
from jobflows.chunking.supply import Batch, Supply
from jobflows.chunking.tally import Sums, Tally

LEAVE_SECONDS = 0.5
"""Time that a worker has to end once everything is done; it needs about a millisecond."""


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

    def has_ended(self, pid: int) -> bool:
        """Whether a worker is gone; without waiting, and without forgetting it."""

    def ended(self, pid: int) -> int:
        """The wait status of a worker that is gone, or is about to be."""


@dataclass(slots=True)
class _Member:
    pid: int
    slot: int
    pipes: Pipes
    mailbox: Mailbox
    late: int = 0
    """Since when it stood on the item for which it was killed."""


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
        self._blame = Blame()
        self._poll = select.poll()
        self.tally = Tally(board)
        self.deaths = 0

    def start(self) -> None:
        """Start as many workers as are wanted; fewer, if the system has no room for more."""
        while len(self._members) < self.wanted and self._slots:
            try:
                with undisturbed():
                    self._start_one(self._slots[-1])
            except OSError as error:  # no more processes, descriptors or memory
                if not self._members:
                    raise WorkersLostError(f"no worker can be started: {error}") from error
                self.wanted = self._most = len(self._members)

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
        """Ask so many workers to go after their item, the largest, and do not replace them."""
        self.wanted = self._most = max(0, self.wanted - count)
        members = sorted(self._members.values(), key=lambda m: -private_memory(m.pid))
        at = [self._board.slot(member.slot) + RETIRE for member in members]
        for word in [word for word in at if not self._board.words[word]][:count]:
            self._board.words[word] = 1
        self._supply.halt()

    def close(self) -> None:
        """Let everybody go who has nothing left to do, kill the others, and wait for them."""
        try:
            if self._supply.is_done:
                self._let_go()
        finally:  # also when Ctrl-C ends the waiting
            for member in self._members.values():
                kill(member.pid)
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
            yield from supply.serve(self.tally.mean)
        for fd in self._waiting(seconds) or self._silent():
            member = self._members.get(fd)
            if member is None:
                continue  # a pipe that can take more
            for segments in member.mailbox.receive():
                for part in segments:
                    yield from supply.accept(member.slot, part)
            if member.mailbox.fault:
                raise WorkersLostError(member.mailbox.fault)
            if member.mailbox.closed:
                yield from self._gone(member)
        if self._timeout is not None:
            self._kill_late(self._timeout)
        if not self._members and not supply.is_done and not self.is_halted and self.wanted:
            self.start()

    def _waiting(self, seconds: float) -> list[int]:
        """Wait for news; pipes that were full are news when they are not."""
        full = self._supply.unread()
        for fd in full:
            self._poll.register(fd, select.POLLOUT)
        try:
            return [fd for fd, _ in self._poll.poll(seconds * 1000)]
        finally:
            for fd in full:
                self._poll.unregister(fd)

    def _silent(self) -> list[int]:
        """Those that are gone although their pipe is open: what they started has a copy of it."""
        gone = [m for m in self._members.values() if self._starter.has_ended(m.pid)]
        for member in gone:
            member.mailbox.expect_no_more()
        return [member.mailbox.fd for member in gone]

    def _hang_up(self) -> None:
        """Close the pipes of those who may wait for items."""
        for member in self._members.values():
            if member.pipes.inbox >= 0:
                self._supply.parted(member.slot)
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
        mine = [fd for m in self._members.values() for fd in _open(m.pipes)]
        ends: list[int] = []
        try:
            for _ in range(3):
                ends.extend(os.pipe())
            out, theirs_out, theirs_in, inbox, theirs_life, life = ends
            theirs = Pipes(theirs_out, theirs_in, theirs_life)
            pid = self._starter.start(slot, theirs, [*mine, out, inbox, life])
        except BaseException:
            for fd in ends:
                os.close(fd)
            raise
        theirs.close()
        self._slots.remove(slot)
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
        words = (CURSOR, PART, DONE, SINCE)
        stood_on, part, done, since = (self._board.words[at + word] for word in words)
        if not said_so:
            kill(member.pid)  # what it had started
        status = self._reap(member)
        alone = None
        if not said_so:
            self.deaths += 1
            self._blame.worker(status, began=bool(part or done))
            if part > 1:  # which of them it was will be known next time
                self._board.words[EACH] = 1
                self.wanted = max(self.wanted, self._most)
            elif part and stood_on in lost:
                alone = stood_on
                # It may have come to its end, and begun another, before the signal reached it.
                late = self._timeout if member.late and member.late == since else None
                failure = self._blame.item(self._supply.item(stood_on), status, late)
                if failure is not None:
                    yield from self._supply.give_up(slot, stood_on, failure)
                    lost.remove(stood_on)
                    alone = None
        self._supply.again(lost, alone)
        if self._supply.has_work and not self.is_halted:
            self.start()

    def _kill_late(self, timeout: float) -> None:
        now = time.perf_counter_ns()
        for member in self._members.values():
            since = self._board.words[self._board.slot(member.slot) + SINCE]
            if since and now - since > timeout * 1e9 and not member.late:
                member.late = since
                kill(member.pid)


def _open(pipes: Pipes) -> list[int]:
    return [fd for fd in (pipes.out, pipes.inbox, pipes.life) if fd >= 0]
