"""The microscope within a notebook: the same page in a frame, and its address as a value on both sides.

The frame needs the browser to be on the machine that the notebook's kernel runs on, since the server listens to that
machine only. The page is let into a frame only with a key that its own server made, and only by pages of this machine.
"""

from __future__ import annotations

import sys
from typing import Any

HEIGHT = 860  # pixels

SCRIPT = """
function render({ model, el }) {
  const frame = document.createElement("iframe");
  const origin = new URL(model.get("url")).origin;
  const open = () => {
    const url = new URL(model.get("address") || "/look", origin);
    url.searchParams.set("embed", model.get("key"));
    frame.src = url.href;
  };
  frame.title = "Phosphene's microscope";
  frame.allow = "camera; clipboard-write";
  frame.style.cssText = "width: 100%; border: 0; border-radius: 8px";
  const size = () => { frame.style.height = `${model.get("height")}px`; };
  let pageAddress = model.get("address");
  const hear = (event) => {
    if (event.source !== frame.contentWindow || event.origin !== origin) return;
    if (typeof event.data?.phosphene !== "string") return;
    pageAddress = event.data.phosphene;
    model.set("address", pageAddress);
    model.save_changes();
  };
  const turn = () => { if (model.get("address") !== pageAddress) { pageAddress = model.get("address"); open(); } };
  addEventListener("message", hear);
  model.on("change:address", turn);
  model.on("change:height", size);
  size();
  open();
  el.append(frame);
  return () => {
    removeEventListener("message", hear);
    model.off("change:address", turn);
    model.off("change:height", size);
  };
}
export default { render };
"""


def in_notebook() -> bool:
    """Whether this is a notebook's kernel, which shows a cell's value, and not a terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def widget(url: str, key: str, height: int = HEIGHT) -> Any:
    """A widget that shows the microscope at `url`, into whose frame `key` lets it.

    Its `address` is the view shown, such as '/look?layer=blocks.3&unit=42'; setting it shows another view. Raises
    ImportError where anywidget is not installed.
    """
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise ImportError("a widget needs anywidget: pip install anywidget") from error

    class Microscope(anywidget.AnyWidget):
        _esm = SCRIPT
        url = traitlets.Unicode().tag(sync=True)
        key = traitlets.Unicode().tag(sync=True)
        address = traitlets.Unicode("/look").tag(sync=True)
        height = traitlets.Int(HEIGHT).tag(sync=True)

    return Microscope(url=url, key=key, height=height)


def bundle(url: str, shown: Any, **how: Any) -> dict[str, Any]:
    """What a notebook shows: the widget, and for a notebook that shows no widgets the address as a link.

    `shown` is the widget; None where anywidget is not installed.
    """
    words = "pip install anywidget shows it here" if shown is None else "this notebook shows no widgets"
    link = f'<a href="{url}" target="_blank" rel="noopener">{url}</a>'
    link_data = {
        "text/plain": f"Microscope at {url}",
        "text/html": f"<p>The microscope is open at {link} ({words}).</p>",
    }
    if shown is None:
        return link_data
    made = shown._repr_mimebundle_(**how)
    data = made[0] if isinstance(made, tuple) else made or {}
    return {**data, **link_data}
