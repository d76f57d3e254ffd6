"""An atlas in an object storage: needs moto, which plays one (pip install 'moto[server,s3]')."""

import itertools
import urllib.request

import pytest
from atlas_helpers import contents

import phosphene as ph

server = pytest.importorskip("moto.server", reason="moto, which plays an object storage, is not installed")


@pytest.fixture
def bucket(monkeypatch):
    """The URL of an empty bucket."""
    running = server.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    address = f"http://{host}:{port}"
    access = {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "REGION": "us-east-1", "ALLOW_HTTP": "true"}
    for name, value in {**access, "ENDPOINT": address}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    urllib.request.urlopen(urllib.request.Request(f"{address}/bucket", method="PUT"))
    yield "s3://bucket"
    running.stop()


def test_an_atlas_may_lie_in_an_object_storage_and_is_gone_on_with_there(network, folder, tmp_path, bucket):
    work = {"layers": ["0", "3"], "features": "2", "batch": 4}
    whole = contents(ph.Atlas.build(network, folder, tmp_path / "atlas", **work).store)
    url = f"{bucket}/set.atlas"
    with pytest.raises(FileNotFoundError, match="there is no atlas at"):
        ph.Atlas(url)
    steps = ph.Atlas.building(network, folder, url, **work)
    list(itertools.islice(steps, 3))
    steps.close()
    atlas = ph.Atlas.build(network, folder, url, **work)
    assert contents(atlas.store) == whole
    assert len(atlas.patches("3:4")) == 9
    assert len(ph.Atlas(url, network).map(method="pca").ids) == 37
    assert str(atlas.info()).startswith(url)
