"""What a page is told: each stream gets everything, a slow one the latest; a page that has gone is forgotten."""

import json
import socket
import time

import pytest
from microscope_helpers import Client, eventually, received, status_of

pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
import asyncio
from concurrent.futures import ThreadPoolExecutor

from phosphene.microscope.events import Channels, Stream
from phosphene.microscope.jobs import Jobs
from phosphene.microscope.limits import Limits
from phosphene.microscope.refusals import RefusedError


class Events:
    """A page's stream of events over a socket of its own."""

    def __init__(self, handle, page, buffer=None):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", handle.port))
        self.socket.sendall(f"GET /events?page={page} HTTP/1.1\r\nHost: 127.0.0.1:{handle.port}\r\n\r\n".encode())
        self.text = ""

    def until(self, true):
        """The events of jobs so far, once they are so."""
        while not true(events := self.read()):
            part = self.socket.recv(1 << 16)
            assert part, "the stream ended"
            self.text += part.decode("utf-8", "replace")
        return events

    def read(self):
        whole = [part for part in self.text.replace("\r\n", "\n").split("\n\n") if "event: job" in part]
        lines = [
            line for part in whole for line in part.splitlines() if line.startswith("data: {") and line.endswith("}")
        ]
        return [json.loads(line.removeprefix("data: ")) for line in lines]

    def opened(self):
        while "event: open" not in self.text:
            self.text += self.socket.recv(1 << 16).decode()
        return self

    def __enter__(self):
        return self.opened()

    def __exit__(self, *error):
        self.socket.close()


def in_a_thread(run):
    """Runs a coroutine in a thread of its own: the browser's tests leave a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run()).result()


def ended(job):
    return lambda events: any(event["job"] == job and event["state"] in ("done", "failed") for event in events)


def test_a_job_s_steps_are_told_with_frames_until_it_is_done(small):
    client = Client(small, "events-page-1")
    with Events(small, client.page) as stream:
        job = client.start("synthesize", target="first:1", steps="4", size="16")
        events = stream.until(ended(job))
    assert events[-1]["step"] == 4
    assert events[-1]["frame"].startswith("data:image/webp;base64,")


def test_two_streams_of_one_page_get_all_events_each(small):
    client = Client(small, "events-page-2")
    with Events(small, client.page) as one, Events(small, client.page) as other:
        jobs = [client.start("activations", layer="first", image=[]) for _ in range(0)]
        jobs += [client.start("activations", layer=layer) for layer in ("first", "relu")]
        for job in jobs:
            one.until(ended(job))
        for job in jobs:
            other.until(ended(job))


def test_a_page_that_connects_again_is_told_how_its_jobs_stand(small):
    client = Client(small, "events-page-3")
    with Events(small, client.page):
        job = client.start("activations", layer="first")
        client.until(job, "done")
    with Events(small, client.page) as again:
        again.until(ended(job))


def test_a_page_that_has_gone_is_forgotten_and_its_jobs_end(small):
    client = Client(small, "events-page-4")
    with Events(small, client.page):
        job = client.start("synthesize", target="first:1", steps="90000", size="16")
        client.until(job, "running")
    client.until(job, "stopped", seconds=15)
    eventually(lambda: client.page not in small.microscope.channels._channels)


def test_a_page_that_loads_again_within_the_grace_keeps_its_jobs(small):
    client = Client(small, "events-page-5")
    with Events(small, client.page):
        job = client.start("synthesize", target="first:1", steps="90000", size="16")
    with Events(small, client.page):
        time.sleep(0.8)
        assert client.state(job)["state"] == "running"
        client.delete(f"/api/jobs/{job}")
        client.until(job, "stopped")


def test_a_reader_who_does_not_read_is_let_go_and_holds_little(small, caplog):
    client = Client(small, "events-page-6")
    stream = Events(small, client.page, buffer=4096)  # which does not read
    eventually(lambda: client.page in small.microscope.channels._channels)
    channel = small.microscope.channels._channels[client.page]
    eventually(lambda: channel.streams)
    # large events of other jobs than one, so that they are not joined
    for at in range(400):
        small.microscope.channels._call(lambda at=at: channel.put(str(at), {"job": str(at), "frame": "x" * 20_000}))
    eventually(lambda: not channel.streams, seconds=15)
    stream.socket.close()
    assert Client(small).get("/api/networks").status == 200
    assert not [record for record in caplog.records if record.exc_info]


def test_what_waits_of_one_job_is_joined_and_keeps_its_last_frame():
    async def run():
        stream = Stream()
        for step in range(1000):
            stream.put("a", {"step": step, **({"frame": step} if step % 10 == 0 else {})})
        stream.put("b", {"step": 1})
        events = stream.events()
        assert await anext(events) == {"step": 999, "frame": 990}
        assert await anext(events) == {"step": 1}
        stream.close()
        with pytest.raises(StopAsyncIteration):
            await anext(events)

    in_a_thread(run)


def test_pages_and_streams_are_bounded_in_words():
    async def run():
        channels = Channels(Jobs(), Limits(clients=2, streams=2))
        channels.open("page-number-1")
        channel = channels.open("page-number-2")
        with pytest.raises(RefusedError, match="2 pages are open already") as refused:
            channels.open("page-number-3")
        assert refused.value.status == 503
        channel.streams += [Stream(), Stream()]
        with pytest.raises(RefusedError, match="2 times already") as refused:
            channels.open("page-number-2")
        assert refused.value.status == 429

    in_a_thread(run)


def test_no_frame_is_drawn_for_a_page_that_nobody_looks_at():
    class Step:
        def frame(self):
            raise AssertionError("drawn for nobody")

    async def run():
        jobs = Jobs()
        channels = Channels(jobs, Limits())
        jobs.listener = channels.tell

        def work():
            yield Step()
            yield Step()

        job = jobs.start("page-number-1", "x", work)
        await asyncio.wait_for(asyncio.wrap_future(job.future), 5)
        await asyncio.to_thread(jobs.close)

    in_a_thread(run)


@pytest.mark.parametrize(
    "page", ["short", "with space", "x" * 65, "a/../b-long", "page-nümber", "page%00number", "x" * 60000]
)
def test_a_page_names_itself_by_letters_and_digits(small, page):
    answer = Client(small, "").get("/events", page=page)  # not by its header
    assert answer.status in (400, 422)
    assert answer.sentence


def test_a_page_that_asks_for_events_by_head_gets_no_stream(small):
    request = f"HEAD /events?page=events-page-7 HTTP/1.1\r\nHost: 127.0.0.1:{small.port}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", small.port), 10) as connection:
        connection.sendall(request.encode())
        assert status_of(received(connection)) == 200
