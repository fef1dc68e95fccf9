"""Concurrent requests share batches, and each has its own answer."""

import asyncio
import threading
from collections.abc import Sequence

from rnnlab.serving.batching import Batcher, OverloadError


class Recorder:
    """Computes the squares of numbers, and records the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()

    def compute(self, numbers: Sequence[int]) -> list[int]:
        self.gate.wait(30)
        self.batches.append(list(numbers))
        if -1 in numbers:
            raise ValueError("a negative number")
        return [number**2 for number in numbers]


async def submit_all(
    recorder: Recorder, numbers: Sequence[int], group: object = "all", max_waiting: int = 100
) -> list[int | BaseException]:
    """Submit the first number, and the others while it is computed."""
    batcher = Batcher(recorder.compute, max_size=4, max_waiting=max_waiting)
    task = asyncio.create_task(batcher.run())
    requests = [asyncio.create_task(batcher.submit(n, 1, group)) for n in numbers]
    await asyncio.sleep(0.05)
    recorder.gate.set()
    answers = await asyncio.gather(*requests, return_exceptions=True)
    task.cancel()
    return answers


def test_what_arrives_during_a_batch_is_the_next_batch() -> None:
    recorder = Recorder()
    numbers = list(range(10))
    assert asyncio.run(submit_all(recorder, numbers)) == [n**2 for n in numbers]
    assert recorder.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_requests_without_a_group_are_alone() -> None:
    recorder = Recorder()
    assert asyncio.run(submit_all(recorder, [1, 2, 3], group=None)) == [1, 4, 9]
    assert recorder.batches == [[1], [2], [3]]


def test_only_the_request_that_fails_has_the_error() -> None:
    recorder = Recorder()
    answers = asyncio.run(submit_all(recorder, [1, -1, 3]))
    assert (answers[0], str(answers[1]), answers[2]) == (1, "a negative number", 9)


def test_too_many_requests_are_refused() -> None:
    recorder = Recorder()
    answers = asyncio.run(submit_all(recorder, [1, 2, 3], max_waiting=2))
    assert answers[:2] == [1, 4]
    assert isinstance(answers[2], OverloadError)


def test_a_request_that_nobody_waits_for_is_not_computed() -> None:
    recorder = Recorder()

    async def cancel_second() -> list[int]:
        batcher = Batcher(recorder.compute, max_size=1, max_waiting=10)
        task = asyncio.create_task(batcher.run())
        requests = [asyncio.create_task(batcher.submit(n, 1, "all")) for n in (1, 2, 3)]
        await asyncio.sleep(0.05)
        requests[1].cancel()
        recorder.gate.set()
        answers = [await requests[0], await requests[2]]
        task.cancel()
        return answers

    assert asyncio.run(cancel_second()) == [1, 9]
    assert recorder.batches == [[1], [3]]


def test_a_large_request_has_a_batch_of_its_own() -> None:
    recorder = Recorder()

    async def submit_sizes() -> list[int]:
        batcher = Batcher(recorder.compute, max_size=4, max_waiting=10)
        task = asyncio.create_task(batcher.run())
        sizes = {1: 2, 2: 9, 3: 2, 4: 2}
        requests = [
            asyncio.create_task(batcher.submit(n, size, "all")) for n, size in sizes.items()
        ]
        await asyncio.sleep(0.05)
        recorder.gate.set()
        answers = list(await asyncio.gather(*requests))
        task.cancel()
        return answers

    assert asyncio.run(submit_sizes()) == [1, 4, 9, 16]
    assert recorder.batches == [[1], [2], [3, 4]]
