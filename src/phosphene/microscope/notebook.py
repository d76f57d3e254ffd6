"""The microscope within a notebook: the same page in a frame, and its address as a value on both sides.

The frame needs the browser to be on the machine that the notebook's kernel runs on, since the server listens to that
machine only. The page is let into a frame only with a key that its own server made, and only by pages of this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .serving import Handle

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


def widget(handle: Handle, height: int = HEIGHT) -> Any:
    """A widget that shows the microscope; its `address` is the view shown, such as '/look?layer=blocks.3&unit=42'.

    Setting `address` shows another view. Raises ImportError where anywidget is not installed.
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

    assert handle.microscope.guard is not None
    return Microscope(url=handle.url, key=handle.microscope.guard.frame_key, height=height)


def bundle(handle: Handle, **how: Any) -> Any:
    """What a notebook shows for a handle: the widget, or without anywidget the address as a link."""
    try:
        return widget(handle)._repr_mimebundle_(**how)
    except ImportError:
        link = f'<a href="{handle.url}" target="_blank" rel="noopener">{handle.url}</a>'
        words = "pip install anywidget shows it here"
        return {"text/plain": repr(handle), "text/html": f"<p>The microscope is open at {link} ({words}).</p>"}
