"""The server: slow clients, too many of them, its end in the middle of work, and the command that starts it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import pytest
from microscope_helpers import Client, eventually, lines, network, received, status_of

pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
import phosphene as ph
from phosphene.microscope.limits import Limits
from phosphene.microscope.serving import _listening, serve


def connected(handle, data=b"", buffer=None):
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(15)
    connection.connect(("127.0.0.1", handle.port))
    connection.sendall(data)
    return connection


def get(handle, path="/session", *more):
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{handle.port}", *more, "", ""]).encode()


@pytest.mark.parametrize(
    "begun",
    [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b"],
    ids=["nothing", "a letter", "a line", "headers"],
)
def test_a_connection_that_does_not_ask_is_closed(small, begun):
    started = time.monotonic()
    with connected(small, begun) as connection:
        answer = received(connection)
    assert 0.5 < time.monotonic() - started < 8
    assert status_of(answer) == (408 if begun else None)
    assert (b"did not arrive within 0.8 seconds" in answer) == bool(begun)


def drip(connection):
    for at in range(100):
        connection.sendall(f"X-{at}: a\r\n".encode())
        time.sleep(0.1)


def test_headers_that_drip_are_ended(small):
    with connected(small, b"GET / HTTP/1.1\r\n") as connection:
        started = time.monotonic()
        with pytest.raises(OSError):
            drip(connection)
        assert time.monotonic() - started < 8


def test_a_second_request_of_a_connection_that_drips_is_ended(small):
    with connected(small, get(small)) as connection:
        assert status_of(connection.recv(1 << 16)) == 200
        connection.sendall(b"GET /session HT")
        assert b"HTTP/1.1 408 " in received(connection)


def test_a_body_that_drips_is_ended_in_words(small):
    token = Client(small).token
    head = get(small, "/api/images", f"X-Phosphene-Token: {token}", "Content-Length: 1000").replace(b"GET", b"POST")
    with connected(small, head + b"\x89PNG") as connection:
        started = time.monotonic()
        answer = received(connection)  # to its end: the rest of the body is not waited for
        assert status_of(answer) == 408
        assert b"within 0.8 seconds" in answer
        assert time.monotonic() - started < 8


def test_a_client_who_does_not_read_its_answer_is_let_go(small):
    layer = get(small, "/api/image.webp?image=sample/cat.jpg")
    with connected(small, buffer=2048) as connection:
        for _ in range(60):  # answers of 60 kB and more, one after the other
            connection.sendall(layer)
        state = small._server.server_state
        time.sleep(0.3)
        eventually(lambda: not any(each.client == connection.getsockname() for each in state.connections))


def test_too_many_connections_are_told_so(small):
    eventually(lambda: len(small._server.server_state.connections) < 5)
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(connected(small, b"GET "))
        eventually(lambda: len(small._server.server_state.connections) >= 40)
        answer = received(stack.enter_context(connected(small, get(small))))
        assert status_of(answer) == 503
        assert b"too many connections are open" in answer
        assert b"content-security-policy" in answer
    eventually(lambda: len(small._server.server_state.connections) < 5)
    assert Client(small).get("/session").status == 200


def test_requests_one_behind_the_other_are_answered_in_order(small):
    with connected(small, get(small, "/theme.css") + get(small, "/api/networks", "Connection: close")) as connection:
        answer = received(connection)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b"--phosphene-") < answer.index(b'"networks"')


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \r\n x\r\n\r\n",
        b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=range(10),
)
def test_what_is_no_request_is_refused(small, data):
    with connected(small, data) as connection:
        answer = received(connection)
    assert status_of(answer) in (400, 408, 421)
    assert b'{"error": ' in answer


# ---- the end


def test_a_stop_in_the_middle_of_work_ends_within_seconds_and_leaves_nothing_half_written(tmp_path):
    net = network(0.01)
    handle = serve([net], open=False, cache=tmp_path, limits=Limits(request_seconds=2))
    client = Client(handle)
    jobs = [client.start("synthesize", target="first:1", steps="90000", size="16")]
    jobs += [client.start("rise", masks="90000", batch="2") for _ in range(3)]
    answers = []
    threads = [
        threading.Thread(
            target=lambda at=at: answers.append(client.get("/api/run/rise.json", masks=90_000, batch=2, seed=at))
        )
        for at in range(3)
    ]
    for thread in threads:
        thread.start()
    eventually(lambda: sum(job.waiting for job in handle.microscope._at_work.values()) == 3)
    with connected(handle, get(handle, f"/events?page={client.page}")), connected(handle, b"GET /"):
        eventually(lambda: handle.microscope.channels._channels)
        started = time.monotonic()
        handle.stop()
        assert time.monotonic() - started < 8
    for thread in threads:
        thread.join(10)
    assert repr(handle) == "Microscope, stopped"
    assert [answer.status for answer in answers] == [503] * 3
    assert "is stopping" in answers[0].sentence
    assert not [worker for worker in handle.microscope.jobs._workers.values() if worker.is_alive()]
    assert not [file for file in tmp_path.rglob("*") if file.name.endswith(".part")]
    handle.stop()  # once more does no harm
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", handle.port), 2)


def test_answers_are_there_after_a_restart_on_the_same_port(tmp_path):
    net = network()
    with serve([net], open=False, cache=tmp_path) as first:
        client = Client(first)
        answer = client.get("/api/run/activations.png", layer="first")
        assert answer.status == 200
        job, port, runs = client.start("activations", layer="relu"), first.port, net.module.runs
        client.until(job, "done")
        runs = net.module.runs
    with serve([net], open=False, cache=tmp_path, port=port) as second:
        again = Client(second).get("/api/run/activations.png", layer="first")
        assert again.body == answer.body
        assert net.module.runs == runs
        gone = Client(second).get(f"/api/jobs/{job}")
        assert gone.status == 404
        assert "started again" in gone.sentence


def test_a_taken_port_is_said_so(small, tmp_path):
    with pytest.raises(OSError, match=f"port {small.port} can't be used .*choose another"):
        serve([network()], open=False, cache=tmp_path, port=small.port)
    for port in (70_000, -1):
        with pytest.raises(OSError, match="can't be used"):
            serve([network()], open=False, cache=tmp_path, port=port)


def test_a_port_is_taken_before_the_server_runs():
    """Two that are started at once can't both have it."""
    with _listening(0) as first, pytest.raises(OSError, match="can't be used"):
        _listening(first.getsockname()[1])


def test_it_listens_to_this_machine_only(small):
    assert small._socket.family == socket.AF_INET
    assert small.url.startswith("http://127.0.0.1:")
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in addresses - {"127.0.0.1"}:
        if not address.startswith("127."):
            with pytest.raises(OSError):
                socket.create_connection((address, small.port), 2)


def test_python_opens_it_by_its_name(tmp_path):
    with ph.microscope(network(), open=False, cache=tmp_path) as handle:
        assert Client(handle).get("/session").json()["networks"][1:] == ["efficientnet_lite0"]
    with pytest.raises(FileNotFoundError, match="no folder"):
        ph.microscope(images=tmp_path / "nothing", open=False, cache=tmp_path)


def command(*words, **options):
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "phosphene", "microscope", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def test_the_command_prints_the_address_and_ends_by_ctrl_c_in_one_line(tmp_path):
    running = command("--no-open", env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)})
    try:
        url = running.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        port = int(url.rsplit(":", 1)[1].rstrip("/"))
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(lines("GET / HTTP/1.1", f"Host: 127.0.0.1:{port}"))
            assert status_of(received(connection)) == 200
        started = time.monotonic()
        running.send_signal(signal.SIGINT)
        rest, told = running.communicate(timeout=20)
        assert time.monotonic() - started < 10
    finally:
        running.kill()
        running.wait()
    assert rest == ""
    lines_told = told.strip().splitlines()
    assert lines_told[-1] == "stopped", told
    assert lines_told[:-1] in ([], ["the microscope runs; Ctrl-C ends it"]), told
    assert running.returncode == 0


def test_the_command_refuses_in_a_sentence(small, tmp_path, monkeypatch, capsys):
    from phosphene.cli import app

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def refused(*words):
        with pytest.raises(SystemExit) as ended:
            app(["microscope", "--no-open", *words])
        assert ended.value.code == 2
        told = capsys.readouterr().err
        assert len(told.strip().splitlines()) == 1, told
        return told

    assert "can't be used" in refused("--port", str(small.port))
    assert "there is no folder" in refused("--images", str(tmp_path / "nothing"))
    assert "resnet999" in refused("--network", "torchvision:resnet999")
    assert "nothing.atlas" in refused("--atlas", str(tmp_path / "nothing.atlas"))
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install 'phosphene[microscope]'" in refused()
