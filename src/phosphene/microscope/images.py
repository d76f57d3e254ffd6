"""The images that a microscope offers: the samples, one folder, and what people drop on the page.

An image has a name in URLs: `sample/cat.jpg`, `folder/beach/3.jpg`, `upload/3fa9…`. Names are looked up in lists, never
joined to a path, so that nothing outside of the folder can be read. Uploads are stored by the hash of their content, so
that a URL brings the same image back after a restart.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from ..network import near
from ..picture import Photo, read, write_whole
from ..picture.photos.folder import photos
from .limits import MB, Limits
from .refusals import RefusedError
from .stored import Memory, files_in, private

UPLOAD = re.compile(r"upload/([0-9a-f]{32})")


class Images:
    """All images by their names, and the decoded ones that were used last."""

    def __init__(self, folder: str | os.PathLike[str] | None, uploads: Path, limits: Limits | None = None) -> None:
        self.limits, self.uploads = limits or Limits(), uploads
        self.folder = None if folder is None else Path(os.path.abspath(folder))
        self._paths = {
            f"sample/{path.name}": path for path in photos(Path(str(resources.files("phosphene") / "photos")))
        }
        if self.folder is not None:
            self._paths |= {f"folder/{name}": path for name, path in inside(self.folder)}
        self._decoded: Memory[Photo] = Memory(self.limits.photos_bytes)
        self._lock = threading.Lock()  # of the folder of uploads
        self._decoding = threading.BoundedSemaphore(self.limits.decoding)
        private(uploads)

    @property
    def names(self) -> list[str]:
        """The names of all but the uploaded ones."""
        return list(self._paths)

    def has(self, name: str) -> bool:
        """Whether a text is the name of an image here; an upload's may not be stored any more."""
        return name in self._paths or bool(UPLOAD.fullmatch(name))

    def listed(self, start: int = 0, search: str = "") -> dict[str, Any]:
        """A page of the names, of those that hold `search`; how many there are, and where the next page starts."""
        wanted = search.casefold()
        names = [name for name in self._paths if wanted in name.casefold()]
        end = start + self.limits.listed
        return {"images": names[start:end], "total": len(names), "next": end if end < len(names) else None}

    def expanded(self, name: str) -> list[str]:
        """The name itself, or for 'folder/' and 'sample/' the names of all images in there."""
        if name in ("folder/", "sample/"):
            names = [each for each in self._paths if each.startswith(name)]
            if not names:
                raise RefusedError(
                    404, "this microscope was started without a folder of images; --images FOLDER names one"
                )
            return names
        return [name]

    def open(self, name: str | None) -> Photo:
        """The photo of that name, or the first sample. Raises RefusedError where there is none or it can't be read."""
        name = name or next(iter(self._paths))
        path = self._path(name)
        photo = self._decoded.get(name)
        if photo is not None:
            return photo
        try:
            photo = self.decode(path)
        except FileNotFoundError:
            raise RefusedError(404, f"the file of {name!r} is gone; choose another image") from None
        if UPLOAD.fullmatch(name):  # its path is the server's own, and no use to others
            photo = replace(photo, name="upload", path=None)
        self._decoded.put(name, photo)
        return photo

    def upload(self, data: bytes) -> tuple[str, Photo]:
        """Stores an image; its name, and the photo. Raises ValueError for what is no image that can be read."""
        if len(data) > self.limits.upload_bytes:
            raise RefusedError(
                413, f"an image may have {self.limits.upload_bytes // MB} MB here; make it smaller first"
            )
        photo = replace(self.decode(data), name="upload")
        key = hashlib.sha256(data).hexdigest()[:32]
        target = self.uploads / key
        with self._lock:
            if not target.exists():
                self._make_room(len(data))
                write_whole(target, data)
            os.utime(target)
        name = f"upload/{key}"
        self._decoded.put(name, photo)
        return name, photo

    def decode(self, source: Path | bytes) -> Photo:
        """A file's photo, within the bounds on its pixels and on how many are decoded at once."""
        with self._decoding:
            return read(source, max_pixels=self.limits.upload_pixels)

    def _path(self, name: str) -> Path:
        if match := UPLOAD.fullmatch(name):
            path = self.uploads / match[1]
            try:
                os.utime(path)
            except OSError:
                raise RefusedError(
                    404, "this upload is not stored any more; drop the image on the page again"
                ) from None
            return path
        if name not in self._paths:
            raise RefusedError(404, f"there is no image {name!r} here{near(name, self.names)}")
        path = self._paths[name]
        if self.folder is not None and name.startswith("folder/") and not _within(path, self.folder):
            raise RefusedError(403, f"{name!r} is a link that leads out of the folder")
        return path

    def _make_room(self, size: int) -> None:
        """Removes the uploads used longest ago until one of this size fits."""
        files = files_in(self.uploads)
        total = size + sum(bytes for _, bytes, _ in files)
        for _, bytes, file in files:
            if total <= self.limits.uploads_bytes:
                break
            file.unlink(missing_ok=True)
            total -= bytes


def inside(folder: Path) -> Iterator[tuple[str, Path]]:
    """The folder's images with their names from there on; what links lead out of it is left out."""
    for path in photos(folder):
        if _within(path, folder):
            yield path.relative_to(folder).as_posix(), path


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
