"""Who is let in: only the server's own page, by its own address; and what every answer carries."""

import socket

import pytest
from microscope_helpers import Client, lines, raw, received, status_of

pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
from phosphene.microscope.guard import HEADERS

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OTHERS = (
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.0.0.1:{port}.evil.example",
    "0.0.0.0:{port}",
    "[::1]",
    "[::]:{port}",
    "localhost.:{port}",
    "user@127.0.0.1:{port}",
    "127.0.0.1:{port}:{port}",
    "2130706433:{port}",
    "127.1:{port}",
    "127.0.0.1:0{port}",
    "",
    " ",
    "127.0.0.1:{port}, evil.example",
)


def request(handle, *more, method="GET", path="/session", host="127.0.0.1:{port}"):
    hosts = [] if host is None else [f"Host: {host.format(port=handle.port)}"]
    return raw(handle, lines(f"{method} {path} HTTP/1.1", *hosts, *(each.format(port=handle.port) for each in more)))


@pytest.mark.parametrize("host", OTHERS)
def test_a_foreign_host_is_refused(small, host):
    answer = request(small, host=host)
    assert status_of(answer) in (400, 421), answer
    assert b"token" not in answer


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_the_addresses_of_this_machine_are_answered(small, host):
    assert status_of(request(small, host=host)) == 200


@pytest.mark.parametrize("method", METHODS)
def test_a_foreign_host_and_a_foreign_origin_are_refused_by_every_method(small, method):
    token = f"X-Phosphene-Token: {Client(small).token}"
    assert status_of(request(small, token, method=method, host="evil.example:{port}")) == 421
    origins = ("http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1", "http://127.0.0.1:1")
    for origin in (*origins, "http://127.0.0.1:{port}.evil.example", "", "file://"):
        assert status_of(request(small, token, f"Origin: {origin}", method=method)) == 403, origin


def test_a_request_without_a_host_or_with_two_is_refused(small):
    assert status_of(request(small, host=None)) == 400
    assert status_of(request(small, "Host: evil.example")) == 400
    assert status_of(request(small, "Host: 127.0.0.1:{port}", host="evil.example")) == 400
    with socket.create_connection(("127.0.0.1", small.port), 5) as connection:
        connection.sendall(b"GET /session HTTP/1.0\r\n\r\n")  # which needs none
        assert status_of(received(connection)) == 421


def test_a_header_that_decides_may_come_once(small):
    token = Client(small).token
    pairs = [
        ("Origin: http://evil.example", "Origin: http://127.0.0.1:{port}"),
        ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin"),
        (f"X-Phosphene-Token: {token}", "X-Phosphene-Token: other"),
    ]
    for one, other in pairs:
        assert status_of(request(small, one, other)) == 400
        assert status_of(request(small, other, one)) == 400


@pytest.mark.parametrize("target", ["http://evil.example/session", "http://127.0.0.1:{port}/session", "*", "session"])
def test_a_whole_address_as_the_path_is_refused(small, target):
    assert status_of(request(small, path=target.format(port=small.port))) in (400, 404)
    assert b"token" not in request(small, path=target.format(port=small.port))


def test_pages_of_other_sites_get_nothing_but_a_link_to_a_view(small):
    visit = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    assert status_of(request(small, *visit, path="/look")) == 200
    assert status_of(request(small, *visit, path="/session")) == 403
    assert status_of(request(small, *visit, path="/events?page=attacker1")) == 403
    assert status_of(request(small, *visit, path="/api/networks")) == 403
    assert status_of(request(small, *visit, path="/look", method="POST")) == 403
    frame = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe")
    assert status_of(request(small, *frame, path="/look")) == 403
    for site in ("cross-site", "same-site", "nonsense"):
        for mode in ("no-cors", "cors", "websocket"):
            assert status_of(request(small, f"Sec-Fetch-Site: {site}", f"Sec-Fetch-Mode: {mode}", path="/look")) == 403


def test_a_frame_needs_the_key_that_only_a_notebook_of_this_machine_has(small):
    frame = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe")
    key = small.microscope.guard.frame_key
    answer = request(small, *frame, path=f"/look?embed={key}")
    assert status_of(answer) == 200
    policy = answer.split(b"content-security-policy: ")[1].split(b"\r\n")[0]
    ancestors = policy.split(b"frame-ancestors ")[1].split()
    assert ancestors[:2] == [b"http://127.0.0.1:*", b"http://localhost:*"]
    assert all(b"127.0.0.1:*" in each or b"localhost:*" in each or b"[::1]:*" in each for each in ancestors)
    assert b"script-src 'self'" in policy
    wrong = (f"/look?embed={key}x", "/look?embed=", f"/look?embed={key}&embed={key}", f"/session?embed={key}")
    for path in (*wrong, f"/api/networks?embed={key}", f"/events?page=attacker1&embed={key}"):
        assert status_of(request(small, *frame, path=path)) == 403
        assert b"localhost:*" not in request(small, *frame, path=path)
    assert key.encode() not in request(small, path="/session")
    assert status_of(request(small, *frame, path=f"/look?embed={key}", host="evil.example")) == 421


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "OPTIONS", "BREW"])
@pytest.mark.parametrize("token", [None, "", "wrong", "\xe9\xff"])
def test_what_changes_anything_needs_the_token(small, method, token):
    more = [] if token is None else [f"X-Phosphene-Token: {token}"]
    for path in ("/api/jobs", "/api/images", "/api/jobs/0000", "/nothing"):
        answer = request(small, *more, "Content-Length: 0", method=method, path=path)
        assert status_of(answer) == 403
        assert b"token" in answer


def test_there_is_no_websocket(small):
    more = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    host = f"Host: 127.0.0.1:{small.port}"
    for path in ("/events?page=attacker1", "/session", "/api/jobs", "/"):
        with socket.create_connection(("127.0.0.1", small.port), 5) as connection:
            head = "\r\n".join([f"GET {path} HTTP/1.1", host, *more, "Connection: Upgrade", "", ""])
            connection.sendall(head.encode())
            assert status_of(connection.recv(4096)) != 101


def test_every_answer_carries_the_headers_that_protect_it(small):
    client = Client(small)
    answers = {
        "page": client.get("/"),
        "script": client.get("/page/js/main.js"),
        "style": client.get("/theme.css"),
        "session": client.get("/session"),
        "picture": client.get("/api/image.webp"),
        "known already": client.get("/theme.css", headers={"if-none-match": client.get("/theme.css").headers["etag"]}),
        "nothing there": client.get("/nothing"),
        "no such file": client.get("/page/nothing.js"),
        "a wrong method": client.post("/api/networks"),
        "refused": client.get("/api/run/nothing.png"),
        "foreign host": client.get("/", headers={"host": "evil.example"}),
        "foreign origin": client.get("/", headers={"origin": "http://evil.example"}),
        "too large": client.post("/api/images", b"0" * (2 << 20)),
    }
    statuses = {name: answer.status for name, answer in answers.items()}
    assert statuses == {
        "page": 200, "script": 200, "style": 200, "session": 200, "picture": 200, "known already": 304,
        "nothing there": 404, "no such file": 404, "a wrong method": 405, "refused": 404, "foreign host": 421,
        "foreign origin": 403, "too large": 413,
    }  # fmt: skip
    for name, answer in answers.items():
        missing = [header for header in HEADERS if answer.headers.get(header) != HEADERS[header]]
        assert not missing, (name, missing)
        if answer.status >= 400:
            assert answer.sentence
    for answer in (raw(small, b"nonsense\r\n\r\n"), raw(small, b"GET / HTTP/1.1\r\n" + b"a: " + b"b" * (1 << 17))):
        assert status_of(answer) == 400
        assert b"content-security-policy: default-src 'none'" in answer


def test_no_script_from_elsewhere_and_none_in_the_page_may_run():
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert not any(word in HEADERS["content-security-policy"] for word in ("unsafe-eval", "*", "http:", "https:"))


UP = (
    "..",
    "%2e%2e",
    "%2E%2E",
    "..%2f",
    "%2e%2e%2f",
    "%252e%252e",
    "..%5c",
    "..\\",
    "....",
    "%c0%ae%c0%ae",
    "%00",
    "..%00",
)


@pytest.mark.parametrize("up", UP)
def test_no_path_leads_out_of_the_folder_of_the_page(small, up):
    for path in (
        f"/page/{up}/guard.py",
        f"/page/js/{up}/{up}/guard.py",
        f"/page/{up}/{up}/{up}/{up}/etc/passwd",
        f"/{up}",
    ):
        answer = request(small, path=path)
        assert status_of(answer) in (400, 404), (path, answer)
        assert b"import" not in answer
        assert b"root:" not in answer
    assert status_of(request(small, path="/page/js/main.js")) == 200
    assert status_of(request(small, path="/page/")) == 404  # no list of the folder


def test_no_name_of_an_image_leads_out_of_the_lists(small, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    client = Client(small)
    names = (
        str(secret), f"folder/{secret}", f"folder/../../{secret}", "folder/..", "sample/../guard.py", "upload/../0.png",
        f"upload/{'0' * 32}", "upload/" + "0" * 31 + "/", "\0", "folder/0.png\0", "FOLDER/0.png", "folder//0.png",
    )  # fmt: skip
    for name in names:
        for path in ("/api/image.json", "/api/image.webp", "/api/answer"):
            answer = client.get(path, image=name)
            assert answer.status == 404, name
            assert answer.sentence
    assert client.get("/api/image.json", image="folder/0.png").status == 200


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    from microscope_helpers import encoded, noise

    from phosphene.microscope.images import Images
    from phosphene.microscope.refusals import RefusedError

    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    for folder in (inside, outside):
        (folder / "1.png").write_bytes(encoded(noise()))
    (inside / "link.png").symlink_to(outside / "1.png")
    (inside / "folder").symlink_to(outside)
    (inside / "near.png").symlink_to(inside / "1.png")
    images = Images(inside, tmp_path / "uploads")
    assert [name for name in images.names if name.startswith("folder/")] == ["folder/1.png", "folder/near.png"]
    (inside / "1.png").unlink()
    (inside / "1.png").symlink_to(outside / "1.png")  # once the list is made
    for name in ("folder/1.png", "folder/near.png"):
        with pytest.raises(RefusedError, match="leads out of the folder"):
            images.open(name)


def test_networks_are_those_of_the_list_only(small):
    client = Client(small)
    for name in (
        "torchvision:resnet18@none",
        "os:system",
        "weights.pth",
        "../x.safetensors",
        "timm:resnet18",
        "hf-hub:a/b",
    ):
        for path in ("/api/layers", "/api/answer", "/api/run/activations.json"):
            answer = client.get(path, network=name, **({"layer": "first"} if "run" in path else {}))
            assert answer.status == 404
            assert "does not offer the network" in answer.sentence
