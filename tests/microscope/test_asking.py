"""What a request may name: things of the lists and plain values; no file, and no more than there is room for."""

import os
import pickle
import sys
import threading
import time
from contextlib import contextmanager
from urllib.parse import quote

import numpy as np
import pytest
from microscope_helpers import Client, encoded, network, noise

pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
import phosphene as ph
from phosphene.instrument.fields import Role
from phosphene.microscope import asking
from phosphene.microscope.answers import Answers
from phosphene.microscope.asking import form, instruments, names_a_photo, question
from phosphene.microscope.images import Images
from phosphene.microscope.library import Atlases, Library
from phosphene.microscope.limits import Limits
from phosphene.microscope.networks import Networks
from phosphene.microscope.refusals import RefusedError, refusal_of
from phosphene.microscope.stored import Disk

CANARY = "canary-of-the-tests"
_opened: list[str] = []
_watching = False


def _hook(event, args):
    opens = event in ("open", "os.listdir", "os.scandir", "import") and args and CANARY in str(args[0])
    if _watching and (opens or event == "pickle.find_class"):
        _opened.append(f"{event} {args[0]}")


@contextmanager
def watched():
    """What is opened in the block and has the canary in its name, and everything that is unpickled."""
    global _watching
    _opened.clear()
    _watching = True
    try:
        yield _opened
    finally:
        _watching = False


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A small network, a folder of pictures, an atlas of them, and beside the folder a file that nobody may read."""
    sys.addaudithook(_hook)
    place = tmp_path_factory.mktemp("asking")
    folder = place / "pictures"
    folder.mkdir()
    for seed in range(6):
        (folder / "ab"[seed % 2]).mkdir(exist_ok=True)
        (folder / "ab"[seed % 2] / f"{seed}.png").write_bytes(encoded(noise(seed)))
    net = network()
    ph.Atlas.build(net, folder, place / "x.atlas", layers=["first"], features=["mean"])
    (place / f"{CANARY}.png").write_bytes(encoded(noise(9)))
    with open(place / f"{CANARY}.pkl", "wb") as file:
        pickle.dump({"a": np.zeros(3)}, file)
    offered = Networks([net])
    atlases = Atlases([str(place / "x.atlas")], offered)
    return Library(offered, Images(folder, place / "uploads", Limits(photos_asked=8)), atlases)


def asked(name):
    """What the instrument needs, as small as it may be."""
    values = {
        Role.LAYER: "first", Role.LAYERS: "first", Role.UNIT: "first:1", Role.TARGET: "logits:bee", Role.LABEL: "bee",
        Role.LABELS: "bee", Role.PHOTO: "folder/b/1.png", Role.PHOTOS: "folder/", Role.IMAGES: "folder/a/0.png",
        Role.IMAGE_SET: "folder/", Role.SOURCE: "folder/", Role.FOLDER: "folder/",
        Role.NETWORKS: "Slow", Role.QUERY: "1",
    }  # fmt: skip
    given = {each.name: (values[each.role],) for each in form(name).fields if each.required and each.role in values}
    few = {
        "steps": "1",
        "sweeps": "1",
        "samples": "2",
        "masks": "4",
        "size": "16",
        "restarts": "1",
        "limit": "2",
        "batch": "2",
    }
    for each in form(name).fields:
        if each.name in few and (each.kind is None or each.name != "steps" or each.kind.type is int):
            given[each.name] = (few[each.name],)
    given |= {"atlas-shared": {"numbers": ("1,2",)}, "atlas-activations": {"size": ("32",), "fewest": ("1",)},
              "similarity": {"limit": ("6",), "batch": ("6",)},
              "atlas-similarity": {"limit": ("6",), "batch": ("6",)}}.get(name, {})  # fmt: skip
    return given


def run(name, given, library):
    """Asks as the server does."""
    answers = Answers(library, Disk(library.images.uploads.parent / "answers", 1 << 20), Limits())
    q = question(name, given)
    key = answers.key(q)
    *_, result = answers.steps(q, key)
    answers.encoded(result, key, "json", "light", q.options())
    return result


def texts(name):
    """The fields of an instrument that take a text."""
    return [
        each for each in (*form(name).fields, *form(name).drawing)
        if each.kind is None or each.kind.type not in (int, float, bool)
    ]  # fmt: skip


NOT_ON_SO_SMALL_A_NETWORK = ("side-by-side", "compare-networks", "selectivity")  # two networks; a rule
NOT_A_FOLDER_OF_IMAGES = ("learned", "likelihood-estimates", "scores")  # they take folders of learned systems
NOT_ON_SO_FEW_IMAGES = ("equivariance", "invariance", "stitch")  # ten to fit, to choose and to measure


@pytest.mark.parametrize("name", sorted(instruments()))
def test_an_instrument_runs_as_asked_here(name, library):
    """So that the test below reaches what its options do."""
    if name in (*NOT_ON_SO_SMALL_A_NETWORK, *NOT_ON_SO_FEW_IMAGES, *NOT_A_FOLDER_OF_IMAGES):
        pytest.skip("needs a larger network, or more images")
    assert run(name, asked(name), library) is not None


@pytest.mark.parametrize("name", sorted(instruments()))
def test_no_option_of_an_instrument_opens_a_file(name, library):
    place = library.images.uploads.parent
    path, pickled = str(place / f"{CANARY}.png"), str(place / f"{CANARY}.pkl")
    near = os.path.relpath(path)
    for field in texts(name):
        for text in (
            path,
            pickled,
            near,
            f"file://{path}",
            f"{path}:0",
            f"logits:{path}",
            f"folder/../{CANARY}.png",
            place.as_posix(),
        ):
            with watched() as opened:
                refusal = refused(name, asked(name) | {field.name: (text,)}, library)
            assert not opened, (field.name, text)
            if refusal is not None:
                assert refusal.status < 500, (field.name, text, refusal)
                assert refusal.sentence


def refused(name, given, library):
    """The refusal of a question, or None where it is answered."""
    try:
        run(name, given, library)
    except Exception as error:
        return refusal_of(error)


def test_the_watch_sees_what_is_opened(library):
    place = library.images.uploads.parent
    with watched() as opened:
        ph.read(place / f"{CANARY}.png")
        with open(place / f"{CANARY}.pkl", "rb") as file:
            pickle.load(file)
    assert len(opened) >= 3
    assert any("pickle.find_class" in each for each in opened)


def test_fields_that_are_files_are_refused():
    every = [
        (name, each) for name in instruments() for each in form(name).fields if each.role in (Role.FILE, Role.FOLDER)
    ]
    assert {role for _, each in every for role in [each.role]} == {Role.FILE, Role.FOLDER}
    assert "checkpoint" in {each.name for each in form("similarity").of(Role.RUN)}
    photos = [each for name in instruments() for each in form(name).fields if names_a_photo(each)]
    assert photos


@pytest.mark.parametrize("option", ["checkpoint", "ray"])
def test_how_a_long_run_goes_is_for_the_command_line(option, library):
    refusal = refused("similarity", asked("similarity") | {option: ("local",)}, library)
    assert (refusal.status, refusal.sentence) == (
        403,
        f"{option} says how a long run goes; ask for it on the command line",
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("steps=many", "whole number"),
        ("steps=1.5", "whole number"),
        ("steps=" + "9" * 5000, "whole number"),
        ("steps=1000000000", "100,000 is the most here"),
        ("size=100000", "2,048 is the most here"),
        ("size=64x99999", "2,048"),
        ("size=0", "HEIGHTxWIDTH"),
        ("size=\u00b2", "HEIGHTxWIDTH"),
        ("rate=nan", "finite"),
        ("rate=1e999", "finite"),
        ("rate=x", "number"),
        ("robust=perhaps", "true or false"),
        ("space=hyper", "one of"),
        ("stepz=3", "steps"),
        ("batch=100000000", "is the most here"),
        ("steps=3&steps=4", "asked for once"),
        ("start=/etc/passwd", "no image"),
        ("network=x&network=y", "does not offer"),
        ("theme=pink", "theme is one of"),
    ],
)
def test_what_can_t_be_read_is_refused_in_one_sentence(small, text, sentence):
    steps = "" if text.startswith("step") else "steps=1&"
    answer = Client(small).get(f"/api/run/synthesize.png?target=first:1&{steps}{quote(text, safe='=&')}")
    assert 400 <= answer.status < 500, answer.body
    assert sentence in answer.sentence


def test_more_photos_than_there_is_room_for_are_refused(library):
    with pytest.raises(RefusedError, match="these are 9 photos, and 8 are the most here"):
        run("patterns", {"images": ("folder/a/0.png",) * 9, "layer": ("first",)}, library)
    tight = Library(
        library.networks,
        Images(library.images.folder, library.images.uploads, Limits(photos_asked_bytes=9000)),
        library.atlases,
    )
    with pytest.raises(RefusedError, match="take more than") as refused:
        run("patterns", {"images": ("folder/a/0.png", "folder/b/1.png"), "layer": ("first",)}, tight)
    assert refused.value.status == 413


def test_an_atlas_is_asked_about_its_own_images_and_the_page_s_but_not_about_files(library):
    folder = library.images.folder
    assert run("atlas-neighbours", {"query": ("1",), "k": ("2",)}, library).numbers.shape == (1, 2)
    assert run("atlas-neighbours", {"query": ("a/2.png",), "k": ("2",)}, library).queries[0].name == "a/2.png"
    by_photo = run("atlas-neighbours", {"query": ("sample/cat.jpg",), "k": ("2",)}, library)
    assert by_photo.queries[0].photo is not None
    for text in (str(folder / "a" / "2.png"), "../2.png", "cat.jpg", "folder/nothing.png", "\u00b2"):
        with pytest.raises(RefusedError, match="neither an image of the atlas"):
            run("atlas-neighbours", {"query": (text,)}, library)


def test_a_photo_that_changes_is_another_question(library):
    answers = Answers(library, Disk(library.images.uploads.parent / "answers", 1 << 20), Limits())
    keys = set()
    for seed in (20, 21):
        name, _ = library.images.upload(encoded(noise(seed)))
        for options in ({"start": (name,)}, {"start": ("folder/b/1.png",)}):
            keys.add(answers.key(question("synthesize", {"target": ("first:1",), **options})))
    assert len(keys) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"1",
        b'{"instrument": 3}',
        b'{"instrument": "x", "options": []}',
        b"{" * 50_000,
        b"[" * 100_000,
        b'{"instrument": "synthesize", "options": {"target": {"a": 1}}}',
        b"\xff\xfe",
        b'{"instrument": null}',
        b'{"instrument": "synthesize", "options": {"target": [[["x"]]]}}',
        b'{"instrument": "\\ud800"}',
        b"NaN",
        b'{"instrument": "synthesize", "options": {"\\ud800": "x"}}',
        b'{"instrument": "synthesize", "options": {"target": "\\ud800"}}',
    ],
    ids=range(17),
)
def test_a_job_that_can_t_be_read_is_refused_or_fails_in_a_sentence(small, body):
    client = Client(small)
    answer = client.post("/api/jobs", body)
    if answer.status == 201:
        job = client.until(answer.json()["job"], "failed")
        assert job["refusal"]
        return
    assert answer.status in (404, 422)
    assert answer.sentence


@pytest.mark.parametrize(
    "query",
    [
        "image=%ff%fe",
        "image=%00",
        "layer=%ed%a0%80",
        "k=\u00b2",
        "k=--5",
        "k=" + "1" * 5000,
        "k=1e3",
        "k=0",
        "k=",
        "k=1&k=2",
    ],
)
def test_odd_parameters_are_refused_in_a_sentence(small, query):
    for path in ("/api/answer", "/api/maps.bin", "/api/place"):
        answer = Client(small).get(f"{path}?{quote(query, safe='=&%')}")
        assert answer.status < 500
        if answer.status != 200:
            assert answer.sentence


def test_the_network_of_given_weights_is_looked_for_in_the_list_alone(library):
    networks = library.networks
    fingerprint = networks.open(None).fingerprint
    assert networks.of_weights({fingerprint}, [None]) == networks.names[0]
    assert networks.of_weights({fingerprint}, ["nowhere:else"]) == networks.names[0]
    assert networks.of_weights({"of no network"}, [None]) is None


def test_a_network_that_cannot_be_opened_has_no_weights():
    offered = Networks(["timm:there_is_no_such_network", network()])
    fingerprint = offered.open(offered.names[1]).fingerprint
    assert offered.of_weights({fingerprint}, [None]) == offered.names[1]


def test_a_source_is_the_folder_itself_unless_a_link_leads_out_of_it(library):
    """So that its classes are known, and its images read one after another; once it changes, so does the answer."""
    folder, answers = library.images.folder, Answers(library, Disk(library.images.uploads.parent / "x", 1), Limits())
    q = question("similarity", {"a": ("Slow",), "b": ("Slow",), "images": ("folder/",)})
    key = answers.key(q)
    assert q.arguments(library)["images"] == folder
    outside = folder.parent / "outside.png"
    outside.write_bytes(encoded(noise(7)))
    link = folder / "a" / "link.png"
    try:
        link.write_bytes(outside.read_bytes())
        assert answers.key(q) != key
        link.unlink()
        link.symlink_to(outside)
        photos = q.arguments(library)["images"]
        assert [photo.name for photo in photos] == ["0.png", "2.png", "4.png", "1.png", "3.png", "5.png"]
    finally:
        link.unlink()
    assert answers.key(q) == key


def test_an_atlas_opens_no_network_but_those_of_the_list(library):
    """One that it names may be any Python code, and the list says what may be opened."""
    path = library.atlases.open(None).path
    asked = {"unit": ("first:1",), "projection": ("true",)}
    assert run("atlas-patches", asked, library).patterns is not None  # its network is in the list
    offered = Networks([])
    for given in (path, ph.Atlas(path)):
        other = Library(offered, library.images, Atlases([given], offered))
        assert run("atlas-patches", {"unit": ("first:1",), "k": ("2",)}, other)  # which takes no network
        with pytest.raises(RefusedError, match="does not offer a network with its weights; start it with --network"):
            run("atlas-patches", asked, other)


def test_source_files_are_read_by_one_thread_at_a_time(monkeypatch):
    """Parsing them in two, as a question beside the list of all forms did, fails now and then in Python 3.11."""
    at_once, most = 0, []

    def slow():
        nonlocal at_once
        at_once += 1
        most.append(at_once)
        time.sleep(0.05)
        at_once -= 1
        return {}

    monkeypatch.setattr(asking, "entries", slow)
    asking._read.cache_clear()
    try:
        threads = [threading.Thread(target=asking.instruments) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most == [1]
    finally:
        asking._read.cache_clear()
