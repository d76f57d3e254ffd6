"""What a notebook shows for a microscope."""

import sys
from types import SimpleNamespace

import pytest
from microscope_helpers import network


@pytest.fixture
def handle(tmp_path):
    pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
    from phosphene.microscope import microscope

    with microscope(network(), open=False, cache=tmp_path) as started:
        yield started


def test_a_cell_shows_the_page_and_its_view_can_be_set(handle):
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    shown = handle._repr_mimebundle_()
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"] == handle.widget.model_id
    assert handle.widget.url == handle.url
    handle.widget.address = "/look?unit=3"
    assert handle._repr_mimebundle_() == shown  # the same page, not another one


def test_a_notebook_without_widgets_shows_a_link(handle, monkeypatch):
    with_widgets = handle._repr_mimebundle_()["text/html"]
    assert f'href="{handle.url}"' in with_widgets
    monkeypatch.setitem(sys.modules, "anywidget", None)
    handle.__dict__.pop("widget", None)
    shown = handle._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"}
    assert f'href="{handle.url}"' in shown["text/html"]
    assert "pip install anywidget" in shown["text/html"]
    with pytest.raises(ImportError, match="pip install anywidget"):
        _ = handle.widget


def test_a_cell_says_that_a_microscope_was_stopped(handle):
    handle.stop()
    assert handle._repr_mimebundle_() == {"text/plain": "Microscope, stopped"}


@pytest.mark.parametrize(
    ("shell", "asked", "opened"),
    [
        (None, None, True),
        ("terminal", None, True),
        ("notebook", None, False),
        ("notebook", True, True),
        (None, False, False),
    ],
)
def test_a_notebook_shows_the_page_in_its_cell_only(shell, asked, opened, monkeypatch, tmp_path):
    pytest.importorskip("sse_starlette", reason="the extra 'microscope' is not installed")
    from phosphene.microscope import microscope, serving

    addresses = []
    monkeypatch.setattr(serving.webbrowser, "open", addresses.append)
    kinds = {"terminal": SimpleNamespace(), "notebook": SimpleNamespace(kernel=object())}
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: kinds.get(shell)))
    options = {} if asked is None else {"open": asked}
    with microscope(network(), cache=tmp_path, **options) as started:
        assert addresses == ([started.url] if opened else [])
