"""The queue of work: one worker a lane, which takes turns between pages, a step at a time.

A job is an iterator of steps. The worker takes one step of one job, then one of the next page's, so that a synthesis of
minutes delays nobody by more than a step, and a page with many jobs delays others no more than a page with one. A stop
is heard before the next step, and, within a step, before the network runs the next time (`network.running.stopping`).

Each device has two lanes with a worker each: `quick` for what one forward pass answers, `long` for everything else, so
that maps are there while an image forms.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from ..network.running.stopping import Stopped, stoppable
from .limits import Limits
from .refusals import RefusedError, refusal_of

State = Literal["waiting", "running", "done", "stopped", "failed"]
Lane = Literal["quick", "long"]
Work = Callable[[], Iterator[Any]]  # yields the state of the work after each step; the last one is its result

log = logging.getLogger(__name__)
OVER = ("done", "stopped", "failed")
STOPPED = "this was stopped before it was done; ask again"
STOPPING = "the microscope is stopping; start it again"


@dataclass(eq=False)
class Job:
    """One piece of work: what it is, for which page, and where it stands."""

    id: str
    client: str
    title: str
    lane: tuple[str, Lane]  # device and lane
    work: Work = field(repr=False)
    remembered: bool = True  # once it is over; else only who waits for it gets its value
    waiting: int = 0  # requests that wait for its value; counted by the server's thread
    state: State = "waiting"
    latest: Any = field(default=None, repr=False)  # the state after the last step
    steps_taken: int = 0
    refusal: RefusedError | None = None
    asked: float = field(default_factory=time.monotonic)
    future: Future[Any] = field(default_factory=Future, repr=False)
    _steps: Iterator[Any] | None = field(default=None, repr=False)
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in OVER

    @property
    def stopping(self) -> bool:
        """Whether it was asked to end."""
        return self._stop.is_set()


Listener = Callable[[Job], None]  # told after every change of a job, by the worker's thread


class Jobs:
    """All jobs of the server. Close it to stop the workers."""

    def __init__(self, limits: Limits | None = None, listener: Listener = lambda job: None) -> None:
        self.limits, self.listener = limits or Limits(), listener
        self._lock = threading.Condition()
        self._waiting: dict[tuple[str, Lane], OrderedDict[str, deque[Job]]] = {}  # lane -> page -> its jobs, in turn
        self._known: OrderedDict[str, Job] = OrderedDict()
        self._workers: dict[tuple[str, Lane], threading.Thread] = {}
        self._closed = False

    def start(
        self, client: str, title: str, work: Work, *, device: str = "cpu", lane: Lane = "long", remembered: bool = True
    ) -> Job:
        """A job in the queue. Raises RefusedError where the page or the server has too many already."""
        job = Job(secrets.token_hex(8), client, title, (device, lane), work, remembered)
        with self._lock:
            if self._closed:
                raise RefusedError(503, STOPPING)
            unfinished = [each for each in self._known.values() if not each.over]
            if sum(each.client == client for each in unfinished) >= self.limits.jobs_of_client:
                most = self.limits.jobs_of_client
                raise RefusedError(429, f"this page waits for {most} answers already; stop one of them or wait")
            if len(unfinished) >= self.limits.jobs:
                raise RefusedError(
                    503, f"the server works on {self.limits.jobs} questions already; ask again in a moment"
                )
            self._known[job.id] = job
            self._forget()
            self._waiting.setdefault(job.lane, OrderedDict()).setdefault(client, deque()).append(job)
            if job.lane not in self._workers:
                name = f"microscope-{device}-{lane}"
                self._workers[job.lane] = threading.Thread(target=self._serve, args=(job.lane,), name=name, daemon=True)
                self._workers[job.lane].start()
            self._lock.notify_all()
        self._tell(job)
        return job

    def answer(
        self, client: str, title: str, ask: Callable[[], Any], *, device: str = "cpu", lane: Lane = "quick"
    ) -> Job:
        """A job of one step whose value `job.future` holds, and which is forgotten when it is over."""

        def work() -> Iterator[Any]:
            yield ask()

        return self.start(client, title, work, device=device, lane=lane, remembered=False)

    @property
    def closed(self) -> bool:
        """Whether no more jobs are taken."""
        return self._closed

    def __getitem__(self, id: str) -> Job:
        with self._lock:
            if id not in self._known:
                raise RefusedError(
                    404, "there is no such job; the server may have been started again, or has forgotten it"
                )
            return self._known[id]

    def of(self, client: str) -> list[Job]:
        """The page's jobs, in the order in which they were asked."""
        with self._lock:
            return [job for job in self._known.values() if job.client == client]

    def stop(self, job: Job) -> None:
        """Ends a job before its next step, at once where it has not begun; what it has is kept."""
        job._stop.set()
        if self._taken_out(job):
            self._end(job, "stopped")
            self._tell(job)

    def _taken_out(self, job: Job) -> bool:
        """Whether the job waited for its first step, and does not any more."""
        with self._lock:
            queue = self._waiting.setdefault(job.lane, OrderedDict())
            jobs = queue.get(job.client)
            if job.state != "waiting" or jobs is None or job not in jobs:
                return False
            jobs.remove(job)
            if not jobs:
                del queue[job.client]
            return True

    def leave(self, client: str) -> None:
        """Ends the jobs of a page that is gone, but for those that a request still waits for."""
        for job in self.of(client):
            if not job.over and not job.waiting:
                self.stop(job)

    def place(self, job: Job) -> int:
        """How many jobs take their first step before this one's; 0 once it runs."""
        with self._lock:
            if job.state != "waiting":
                return 0
            queue: Mapping[str, deque[Job]] = self._waiting.get(job.lane, {})
            own = list(queue.get(job.client, ()))
            before = own.index(job) if job in own else 0
            return before + sum(min(len(jobs), before + 1) for page, jobs in queue.items() if page != job.client)

    def end(self) -> None:
        """Ends all jobs, and takes no more of them; does not wait for it."""
        with self._lock:
            self._closed = True
            for job in self._known.values():
                job._stop.set()
            self._lock.notify_all()

    def close(self, timeout: float = 5.0) -> None:
        """Ends all jobs and the workers, and waits until they have ended."""
        self.end()
        deadline = time.monotonic() + timeout
        for worker in self._workers.values():
            worker.join(max(0.0, deadline - time.monotonic()))

    # ---- the worker

    def _serve(self, lane: tuple[str, Lane]) -> None:
        # A new thread's first convolution takes the machine's number of threads, not the process's, unless it was asked
        # for before; sums over another number of threads are rounded otherwise.
        torch.get_num_threads()
        while (job := self._next(lane)) is not None:
            self._turn(job)
            if not job.over:
                with self._lock:  # to the end of its page's queue
                    self._waiting[lane].setdefault(job.client, deque()).append(job)
            self._tell(job)
            del job  # what it has made is not held while the worker waits

    def _tell(self, job: Job) -> None:
        """Tells the listener, whose faults are not the worker's."""
        try:
            self.listener(job)
        except Exception:
            log.exception("the page could not be told of %s", job.title)

    def _next(self, lane: tuple[str, Lane]) -> Job | None:
        """The next job in turn, taken out of the queue; None when the server closes and nothing waits."""
        with self._lock:
            while not (queue := self._waiting.get(lane)):
                if self._closed:
                    return None
                self._lock.wait()
            client, jobs = next(iter(queue.items()))
            job = jobs.popleft()
            del queue[client]
            if jobs:  # the page goes to the end of the pages
                queue[client] = jobs
            return job

    def _turn(self, job: Job) -> None:
        """One step of a job."""
        if job._stop.is_set():
            return self._end(job, "stopped")
        job.state = "running"
        try:
            with stoppable(job._stop.is_set):
                if job._steps is None:
                    job._steps = iter(job.work())
                latest = next(job._steps)
        except StopIteration:
            return self._end(job, "done")
        except Stopped:
            return self._end(job, "stopped")
        except BaseException as error:  # a worker goes on, whatever a job raises
            job.refusal = refusal_of(error)
            if job.refusal.status == 500:
                log.exception("%s failed", job.title)
            return self._end(job, "failed")
        job.latest, job.steps_taken = latest, job.steps_taken + 1
        return None

    def _end(self, job: Job, state: State) -> None:
        if job._steps is not None and hasattr(job._steps, "close"):
            try:
                job._steps.close()
            except Exception:
                log.exception("%s failed while it was stopped", job.title)
        job._steps = None
        job.state = state
        if not job.remembered:
            with self._lock:
                self._known.pop(job.id, None)
        if not job.future.set_running_or_notify_cancel():
            return
        if state == "failed":
            assert job.refusal is not None
            job.future.set_exception(job.refusal)
        elif state == "done":
            job.future.set_result(job.latest)
        else:
            job.future.set_exception(RefusedError(503, STOPPING) if self._closed else RefusedError(409, STOPPED))

    def _forget(self) -> None:
        """Lets go of jobs that ended longest ago."""
        over = [id for id, job in self._known.items() if job.over]
        for id in itertools.islice(over, max(0, len(over) - self.limits.finished_jobs)):
            del self._known[id]
