"""Concurrent requests in one batch."""

import asyncio
import traceback
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Input = TypeVar("Input")
Result = TypeVar("Result")


class OverloadError(RuntimeError):
    """Too many requests wait for an answer."""


@dataclass(frozen=True)
class WaitingRequest(Generic[Input, Result]):
    """A request that waits for its answer.

    Attributes:
        size: number of its inputs.
        group: only requests of the same group share a batch; None for a batch of its own.
        answer: becomes the answer or an exception; it is done if nobody waits any more.
    """

    request: Input
    size: int
    group: Hashable
    answer: "asyncio.Future[Result]"


class Batcher(Generic[Input, Result]):
    """Queue that answers concurrent requests in batches, in the order of their arrival.

    A batch holds the requests that arrived while the one before was computed: no request waits for
    others. One thread computes.

    Args:
        compute: returns an answer for each of some requests of a group.
        max_size: inputs of a batch; a larger request has a batch of its own.
        max_waiting: requests that wait.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Input]], Sequence[Result]],
        max_size: int,
        max_waiting: int,
    ) -> None:
        self.compute, self.max_size, self.max_waiting = compute, max_size, max_waiting
        self.queue: deque[WaitingRequest[Input, Result]] = deque()
        self.arrival = asyncio.Event()
        self.thread = ThreadPoolExecutor(1, "compute")

    async def submit(self, request: Input, size: int, group: Hashable) -> Result:
        """Return the answer to a request.

        Raises:
            OverloadError: too many requests wait.
            Exception: that the computation of this request raised.
        """
        self.queue = deque(member for member in self.queue if not member.answer.done())
        if len(self.queue) >= self.max_waiting:
            raise OverloadError(f"{len(self.queue):,} requests wait already; try again later")
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.queue.append(WaitingRequest(request, size, group, answer))
        self.arrival.set()
        return await answer

    async def run(self) -> None:
        """Compute batches, until this task is cancelled."""
        while True:
            await self.arrival.wait()
            batch = self.take_batch()
            if batch:
                await self.answer(batch)
            else:
                self.arrival.clear()

    def take_batch(self) -> list[WaitingRequest[Input, Result]]:
        """Remove the first request from the queue, and those after it that fit in its batch."""
        batch: list[WaitingRequest[Input, Result]] = []
        while self.queue:
            if self.queue[0].answer.done():  # its client has gone, or its time is over
                self.queue.popleft()
            elif batch and not self.fits(self.queue[0], batch):
                break
            else:
                batch.append(self.queue.popleft())
        return batch

    def fits(
        self,
        member: WaitingRequest[Input, Result],
        batch: Sequence[WaitingRequest[Input, Result]],
    ) -> bool:
        """Return whether a request may join a batch."""
        size = sum(other.size for other in batch) + member.size
        is_same_group = member.group is not None and member.group == batch[0].group
        return is_same_group and size <= self.max_size

    async def answer(self, batch: Sequence[WaitingRequest[Input, Result]]) -> None:
        """Compute the answers of a batch; if that fails, of each request alone."""
        loop = asyncio.get_running_loop()
        requests = [member.request for member in batch]
        try:
            answers = await loop.run_in_executor(self.thread, self.compute, requests)
            pairs = list(zip(batch, answers, strict=True))
        except Exception as error:
            if len(batch) > 1:
                for member in batch:
                    await self.answer([member])
            elif not batch[0].answer.done():
                batch[0].answer.set_exception(error)
            else:
                traceback.print_exception(error)  # nobody waits for it
            return
        for member, answer in pairs:
            if not member.answer.done():
                member.answer.set_result(answer)
