"""The queue: turns between pages, stops within a step, bounds in words, and nothing that ends a worker."""

import ctypes
import logging
import threading
import time
from pathlib import Path

import pytest
import torch
from microscope_helpers import Client, encoded, eventually, network, noise

pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
import phosphene as ph
from phosphene.microscope.jobs import Jobs
from phosphene.microscope.limits import Limits
from phosphene.microscope.refusals import RefusedError
from phosphene.microscope.serving import serve
from phosphene.network.running.stopping import Stopped


@pytest.fixture
def jobs():
    queue = Jobs(Limits(jobs_of_client=24, jobs=40, finished_jobs=5))
    yield queue
    queue.close()


class Steps:
    """Work of so many steps, which notes the order in which steps are taken."""

    def __init__(self, notes, name, steps, seconds=0.0):
        self.notes, self.name, self.steps, self.seconds = notes, name, steps, seconds

    def __call__(self):
        for step in range(self.steps):
            time.sleep(self.seconds)
            self.notes.append(self.name)
            yield self.name, step


def held(jobs, client="holding"):
    """A job that holds the lane until the event is set, so that what is asked meanwhile waits."""
    go, begun = threading.Event(), threading.Event()

    def work():
        begun.set()
        yield go.wait(20)

    jobs.start(client, "hold", work)
    assert begun.wait(5)
    return go


def test_a_page_with_one_job_does_not_wait_for_a_page_with_twenty(jobs):
    go, notes = held(jobs), []
    for at in range(20):
        jobs.start("many", f"m{at}", Steps(notes, "many", 3))
    one = jobs.start("one", "o", Steps(notes, "one", 3))
    assert jobs.place(one) <= 2
    go.set()
    one.future.result(10)
    assert notes.index("one") <= 2
    taken = notes[: len(notes) - notes[::-1].index("one")]
    assert taken.count("many") <= 4, taken  # turns, however many jobs the other has


def test_long_work_delays_another_page_by_a_step_at_most(jobs):
    notes = []
    long = jobs.start("long", "synthesis", Steps(notes, "long", 10_000, 0.02))
    eventually(lambda: len(notes) > 3)
    before = len(notes)
    short = jobs.start("short", "step", Steps(notes, "short", 1))
    short.future.result(5)
    assert notes.index("short") - before <= 2
    assert not long.over
    jobs.stop(long)
    with pytest.raises(RefusedError, match="stopped"):
        long.future.result(5)
    assert long.latest is not None  # what it has is kept


def test_a_stopped_job_takes_no_more_steps_and_one_that_waits_takes_none(jobs):
    go, notes = held(jobs), []
    waiting = jobs.start("a", "waiting", Steps(notes, "waiting", 5))
    jobs.stop(waiting)
    assert waiting.state == "stopped"  # at once, though the lane is taken
    with pytest.raises(RefusedError):
        waiting.future.result(0)
    assert jobs.place(waiting) == 0
    go.set()
    running = jobs.start("a", "running", Steps(notes, "running", 10_000, 0.01))
    eventually(lambda: running.steps_taken > 2)
    jobs.stop(running)
    eventually(lambda: running.over)
    taken = notes.count("running")
    time.sleep(0.1)
    assert notes.count("running") == taken
    assert "waiting" not in notes


@pytest.mark.parametrize(
    ("instrument", "options"), [("smooth_grad", {"samples": 4000, "batch": 2}), ("rise", {"masks": 4000, "batch": 2})]
)
def test_an_instrument_of_one_step_stops_before_the_network_runs_again(jobs, instrument, options, unchanged):
    net = network(0.01)
    photo = ph.read(ph.picture.Photo(noise(), name="x"))

    def work():
        yield getattr(ph, instrument)(net, photo, **options)

    with unchanged(net.module):
        job = jobs.start("a", instrument, work)
        eventually(lambda: net.module.runs > 5)
        asked = time.monotonic()
        jobs.stop(job)
        eventually(lambda: job.over)
        assert time.monotonic() - asked < 2  # and not the forty seconds that it would take
        assert job.state == "stopped"
        assert job.latest is None


def test_a_flood_is_refused_in_words(jobs):
    go, notes = held(jobs), []
    for _ in range(24):
        jobs.start("flood", "x", Steps(notes, "x", 1))
    with pytest.raises(RefusedError, match="this page waits for 24 answers already") as refused:
        jobs.start("flood", "x", Steps(notes, "x", 1))
    assert refused.value.status == 429
    for at in range(40 - 25):
        jobs.start(f"page{at}", "x", Steps(notes, "x", 1))
    with pytest.raises(RefusedError, match="the server works on 40 questions already") as refused:
        jobs.start("another", "x", Steps(notes, "x", 1))
    assert refused.value.status == 503
    go.set()
    eventually(lambda: len(notes) == 39)  # none is lost
    assert jobs.start("flood", "x", Steps(notes, "x", 1)).future.result(5)


FAULTS = (
    ValueError("no"),
    RuntimeError("broken"),
    MemoryError(),
    SystemExit(3),
    KeyboardInterrupt(),
    Stopped(),
    KeyError("k"),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_whatever_a_job_raises_the_worker_goes_on(jobs, fault, caplog):
    caplog.set_level(logging.CRITICAL)

    def work():
        yield 1
        raise fault

    job = jobs.start("a", "faulty", work)
    with pytest.raises(RefusedError):
        job.future.result(5)
    assert job.state == ("stopped" if isinstance(fault, Stopped) else "failed")
    assert jobs.answer("a", "next", lambda: 7, lane="long").future.result(5) == 7


def test_a_fault_of_the_listener_is_logged_and_ends_nothing(caplog):
    def listener(job):
        raise RuntimeError("can't draw")

    jobs = Jobs(Limits(), listener)
    assert jobs.answer("a", "x", lambda: 1, lane="long").future.result(5) == 1
    assert jobs.answer("a", "x", lambda: 2, lane="long").future.result(5) == 2
    jobs.close()
    assert any("could not be told" in record.message for record in caplog.records)


def test_a_generator_that_fails_while_it_is_closed_ends_nothing(jobs, caplog):
    caplog.set_level(logging.CRITICAL)

    def work():
        try:
            while True:
                time.sleep(0.005)
                yield 1
        finally:
            raise RuntimeError("in closing")

    job = jobs.start("a", "x", work)
    eventually(lambda: job.steps_taken > 1)
    jobs.stop(job)
    eventually(lambda: job.over)
    assert jobs.answer("a", "next", lambda: 7, lane="long").future.result(5) == 7


def test_the_values_of_answers_are_not_held_and_finished_jobs_are_few(jobs):
    for _ in range(30):
        jobs.answer("a", "large", lambda: bytes(1000)).future.result(5)
    eventually(lambda: not jobs.of("a"))
    for _ in range(30):
        jobs.start("a", "x", Steps([], "x", 1)).future.result(5)
    assert len(jobs.of("a")) <= 6


def test_the_jobs_of_a_page_that_has_gone_end_and_those_of_others_don_t(jobs):
    notes = []
    gone = [jobs.start("gone", "x", Steps(notes, "gone", 10_000, 0.005)) for _ in range(3)]
    stays = jobs.start("stays", "x", Steps(notes, "stays", 10_000, 0.005))
    awaited = jobs.start("gone", "x", Steps(notes, "awaited", 10_000, 0.005))
    awaited.waiting = 1
    eventually(lambda: {"gone", "stays", "awaited"} <= set(notes))
    jobs.leave("gone")
    eventually(lambda: all(job.state == "stopped" for job in gone))
    assert not stays.over
    assert not awaited.over


def test_closing_ends_everything_and_nothing_more_is_taken(jobs):
    go, notes = held(jobs), []
    waiting = [jobs.start(f"page{at}", "x", Steps(notes, "x", 1)) for at in range(5)]
    go.set()
    running = jobs.start("a", "x", Steps(notes, "x", 10_000, 0.005), lane="quick")
    started = time.monotonic()
    jobs.close()
    assert time.monotonic() - started < 3
    assert all(job.over for job in [*waiting, running])
    with pytest.raises(RefusedError, match="stopping"):
        jobs.start("a", "x", Steps(notes, "x", 1))


# ---- through the server


def slow(tmp_path, seconds, **limits):
    net = network(seconds)
    return net, serve([net], open=False, cache=tmp_path, limits=Limits(**limits))


def test_ten_equal_questions_are_computed_once(tmp_path):
    net, handle = slow(tmp_path, 0)
    with handle:
        clients = [Client(handle, f"page-number-{at}") for at in range(10)]
        clients[0].get("/api/layers")  # which runs the network, too
        before, answers = net.module.runs, {}
        net.module.gate.clear()
        threads = [
            threading.Thread(target=lambda c=c: answers.update({c.page: c.get("/api/answer", image="sample/cat.jpg")}))
            for c in clients
        ]
        for thread in threads:
            thread.start()
        eventually(lambda: [job.waiting for job in handle.microscope._at_work.values()] == [10])
        net.module.gate.set()
        for thread in threads:
            thread.join(20)
        assert len(answers) == 10
        assert len({answer.body for answer in answers.values()}) == 1
        assert net.module.runs == before + 1
        assert not handle.microscope._at_work


def test_frames_of_two_cameras_at_once_are_two_questions(tmp_path):
    net, handle = slow(tmp_path, 0)
    answers = {}

    def ask(seed):
        client = Client(handle, f"page-number-{seed}")
        answers[seed] = client.post("/api/camera?layer=first", encoded(noise(seed), "JPEG"))

    with handle:
        ask(0)
        alone = answers[0].body
        net.module.gate.clear()
        threads = [threading.Thread(target=ask, args=(seed,)) for seed in (0, 1)]
        for thread in threads:
            thread.start()
        eventually(lambda: sum(len(handle.microscope.jobs.of(f"page-number-{seed}")) for seed in (0, 1)) == 2)
        net.module.gate.set()
        for thread in threads:
            thread.join(20)
    assert answers[0].body == alone
    assert answers[1].status == 200
    assert answers[1].body != alone


def test_work_that_several_wait_for_ends_when_the_last_of_them_leaves(tmp_path):
    import http.client

    net, handle = slow(tmp_path, 0.01)
    path = "/api/run/rise.json?masks=90000&batch=2"
    with handle:
        connections = [http.client.HTTPConnection("127.0.0.1", handle.port, timeout=20) for _ in range(3)]
        for at, connection in enumerate(connections):
            connection.request("GET", path, headers={"x-phosphene-page": f"page-number-{at}"})
        at_work = handle.microscope._at_work
        eventually(lambda: [job.waiting for job in at_work.values()] == [3])
        eventually(lambda: net.module.runs > 5)
        (job,) = at_work.values()
        for connection in connections[:2]:
            connection.close()
        eventually(lambda: job.waiting == 1)
        assert not job.over
        connections[2].close()
        eventually(lambda: job.over)
        runs = net.module.runs
        time.sleep(0.1)
        assert net.module.runs == runs
        assert job.state == "stopped"
        eventually(lambda: not at_work)


def test_a_stop_by_one_page_does_not_take_the_answer_from_another(tmp_path):
    _, handle = slow(tmp_path, 0.02)
    answers = {}
    with handle:
        first, other = Client(handle, "page-number-1"), Client(handle, "page-number-2")
        threads = [
            threading.Thread(
                target=lambda c=c: answers.update({c.page: c.get("/api/run/rise.json", masks=60, batch=2)})
            )
            for c in (first, other)
        ]
        threads[0].start()
        eventually(lambda: handle.microscope._at_work)
        (job,) = handle.microscope._at_work.values()
        threads[1].start()
        eventually(lambda: job.waiting == 2)
        first.delete(f"/api/jobs/{job.id}")
        for thread in threads:
            thread.join(20)
        assert answers["page-number-1"].status == 409
        assert "stopped" in answers["page-number-1"].sentence
        assert answers["page-number-2"].status == 200


def test_errors_of_instruments_are_failed_jobs_with_their_sentence(small):
    client = Client(small)
    wrong = client.until(client.start("activations", layer="nothing"), "failed")
    assert "nothing" in wrong["refusal"]
    answer = client.get("/api/run/activations.json", layer="nothing")
    assert (answer.status, answer.sentence) == (404, wrong["refusal"])


def test_a_fault_of_ours_is_a_500_with_a_log_and_without_a_traceback(small, monkeypatch, caplog):
    from phosphene.microscope import values
    from phosphene.microscope.routes import looking

    def broken(*given):
        raise RuntimeError("secret detail\n  File '/x.py'")

    client = Client(small)
    monkeypatch.setattr(looking, "packed", broken)
    caplog.set_level(logging.ERROR)
    answer = client.get("/api/maps.bin", layer="first")
    assert answer.status == 500
    assert "its terminal says where" in answer.sentence
    assert any(record.exc_info for record in caplog.records)
    monkeypatch.undo()
    assert values.packed is looking.packed
    assert client.get("/api/maps.bin", layer="first").status == 200


def test_a_flood_of_requests_is_answered_or_refused_and_the_server_stays(small):
    statuses = []

    def ask(at):
        client = Client(small, "flood-page-1")
        statuses.append(client.get("/api/run/smooth-grad.json", samples=30, seed=at).status)

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(39)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(statuses) == 39
    assert set(statuses) <= {200, 429, 503}, statuses
    assert statuses.count(200) >= 20
    assert Client(small).get("/api/answer").status == 200


def test_one_network_from_both_lanes_at_once_gives_the_numbers_it_gives_alone(small, unchanged):
    client = Client(small)
    net = small.microscope.library.networks.open(None)
    fingerprint = net.fingerprint
    paths = [f"/api/maps.bin?layer={layer}&image=folder/{at}.png" for layer in ("first", "relu") for at in range(4)]
    runs = [
        f"/api/run/{name}.json?images=folder/{at}.png&target=logits:bee"
        for name in ("gradient", "guided", "grad-cam", "smooth-grad", "integrated-gradients", "occlusion")
        for at in range(2)
    ]
    asked = [*paths, *runs]
    with unchanged(net.module):
        together = {}
        threads = [
            threading.Thread(target=lambda p=p: together.update({p: Client(small, f"page-{hash(p) % 9999:08}").get(p)}))
            for p in asked
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert {answer.status for answer in together.values()} == {200}
        memory = small.microscope
        for store in (memory.maps, memory.answers.results):
            with store._lock:
                store._values.clear()
                store.held = 0
        for file in memory.answers.disk.folder.iterdir():
            file.unlink()
        for path in asked:
            alone = client.get(path)
            assert without_times(alone) == without_times(together[path]), path
    assert net.fingerprint == fingerprint


def without_times(answer):
    if answer.headers["content-type"] != "application/json":
        return answer.body
    value = answer.json()
    value.pop("made", None)
    return value


def test_a_finished_jobs_picture_is_drawn_anew_by_its_own_options_alone(small):
    client = Client(small)
    job = client.start("occlusion", images="folder/0.png", target="last:1", window="16", stride="16")
    client.until(job, "done")
    path = f"/api/jobs/{job}/result"
    usual = client.get(f"{path}.png")
    other = client.get(f"{path}.png", range="-2:2", theme="dark", page="1")
    assert (usual.status, other.status) == (200, 200)
    assert usual.body != other.body
    asked = {"images": "folder/0.png", "target": "last:1", "window": "16", "stride": "16", "range": "-2:2"}
    whole = client.get("/api/run/occlusion.png", **asked, theme="dark", page="1")
    assert whole.body == other.body
    refused = client.get(f"{path}.png", target="last:2")
    assert refused.status == 422
    assert refused.sentence.startswith("the picture of occlusion has no option 'target'")
    assert client.get(f"{path}.png", range="none").status == 422


def test_page_is_an_option_of_pictures(small):
    beyond = Client(small).get("/api/run/occlusion.png", images="folder/0.png", target="last:1", page="2")
    assert beyond.status == 422
    assert beyond.sentence == "there is 1 page of maps, no 2"


def test_a_worker_computes_with_the_process_s_number_of_threads_from_its_first_operation():
    libraries = list((Path(torch.__file__).parent / "lib").glob("libgomp*"))
    if not libraries:
        pytest.skip("this PyTorch brings no OpenMP of GNU's")
    threads, before = ctypes.CDLL(str(libraries[0])).omp_get_max_threads, torch.get_num_threads()
    torch.set_num_threads(3)
    queue = Jobs(Limits())
    try:
        assert queue.answer("page", "threads", threads).future.result(10) == 3
    finally:
        queue.close()
        torch.set_num_threads(before)
