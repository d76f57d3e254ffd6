"""Requests to a microscope as a script sends them, and as only an attacker does."""

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlencode

import numpy as np
import torch
from PIL import Image
from torch import nn

import phosphene as ph


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)

    @property
    def sentence(self):
        """What a refusal says; fails where it is no refusal in one plain sentence."""
        assert self.status >= 400, self.status
        assert self.headers["content-type"].startswith("application/json"), self.headers
        sentence = self.json()["error"]
        assert sentence
        assert "\n" not in sentence
        assert "Traceback" not in sentence
        return sentence


class Client:
    """Asks a microscope, each time by a connection of its own."""

    def __init__(self, handle, page="tests-page-1"):
        self.handle, self.page = handle, page
        self.host = f"127.0.0.1:{handle.port}"
        self._token = None

    @property
    def token(self):
        if self._token is None:
            self._token = self.get("/session").json()["token"]
        return self._token

    def ask(self, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.handle.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"x-phosphene-page": self.page, **(headers or {})})
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())
        finally:
            connection.close()

    def get(self, path, headers=None, **query):
        return self.ask("GET", path + ("?" + urlencode(query, doseq=True) if query else ""), headers=headers)

    def post(self, path, body=b"", headers=None):
        return self.ask("POST", path, body, {"x-phosphene-token": self.token, **(headers or {})})

    def delete(self, path):
        return self.ask("DELETE", path, None, {"x-phosphene-token": self.token})

    def start(self, instrument, **options):
        """The number of a job."""
        answer = self.post("/api/jobs", json.dumps({"instrument": instrument, "options": options}).encode())
        assert answer.status == 201, answer.body
        return answer.json()["job"]

    def state(self, job):
        return self.get(f"/api/jobs/{job}").json()

    def until(self, job, *states, seconds=20):
        """How the job stands once it stands so."""
        deadline = time.monotonic() + seconds
        while (state := self.state(job))["state"] not in states:
            assert time.monotonic() < deadline, state
            time.sleep(0.02)
        return state


def raw(handle, data, timeout=10.0):
    """What the server answers to these bytes, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", handle.port), timeout) as connection:
        connection.sendall(data)
        return received(connection)


def received(connection):
    """All that still comes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


def lines(*lines):
    """A request of these lines; it asks for the connection to be closed."""
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def status_of(answer):
    match = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return int(match[1]) if match else None


def eventually(true, seconds=10):
    """Waits until it is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def noise(seed=0, size=(40, 52)):
    """A picture as an array."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def encoded(array, format="PNG", **options):
    """The picture as a file's bytes."""
    file = BytesIO()
    Image.fromarray(array).save(file, format, **options)
    return file.getvalue()


class Gate(threading.Event):
    """Open at first; runs wait while it is not. A copy of the network has the same one."""

    def __init__(self):
        super().__init__()
        self.set()

    def __deepcopy__(self, memory):
        return self


class Slow(nn.Module):
    """A network that takes some time for each run, and counts its runs."""

    def __init__(self, seconds=0.0):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.last = nn.Linear(8, 5)
        self.seconds, self.runs = seconds, 0
        self.gate = Gate()

    def forward(self, x):
        self.gate.wait(20)
        self.runs += 1
        time.sleep(self.seconds)
        return self.last(torch.relu(self.first(x)).mean((2, 3)))


def network(seconds=0.0):
    """A small network of five classes."""
    labels = ["ant", "bee", "cow", "dog", "emu"]
    return ph.Network(Slow(seconds).eval(), ph.Preprocessing((32, 32), resize=(36, 36)), labels)
