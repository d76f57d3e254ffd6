"""The pictures in a folder, the classes that its sub-folders name, and photos, files and folders given together.

The common layout of labelled sets (`set/goose/1.jpg`, `set/hen/2.jpg`, as in torchvision's ImageFolder): the first
folder below the given one is the label. Pictures that lie in the folder itself have none.
"""

import os
from pathlib import Path
from typing import Any

from .photo import Photo
from .signature import SUFFIXES


def photos(folder: str | os.PathLike[str]) -> list[Path]:
    """Every picture below `folder`, by its suffix, sorted by path; hidden files and folders are left out.

    Links to folders are not followed, so a folder that links to itself ends. Raises FileNotFoundError for no folder
    and ValueError where there is no image.
    """
    root = Path(folder)
    if not root.exists():
        raise FileNotFoundError(f"there is no folder {str(root)!r}.")
    if not root.is_dir():
        raise ValueError(f"{str(root)!r} is a file, not a folder; phosphene.read opens it.")
    paths = []
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [Path(parent, name) for name in names if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
    if not paths:
        raise ValueError(f"the folder {str(root)!r} holds no image: none of its files ends in {', '.join(SUFFIXES)}.")
    return sorted(paths, key=lambda path: path.relative_to(root).parts)


def labelled(folder: str | os.PathLike[str]) -> list[tuple[Path, str | None]]:
    """`photos(folder)`, each with the name of the first sub-folder on its way, or None."""
    root = Path(folder)
    pairs = []
    for path in photos(root):
        parts = path.relative_to(root).parts
        pairs.append((path, parts[0] if len(parts) > 1 else None))
    return pairs


def files(images: Any) -> list[Photo | Path]:
    """Photos and paths, with each folder's pictures in its place. ValueError where there are none."""
    result: list[Photo | Path] = []
    for one in images if isinstance(images, (list, tuple)) else [images]:
        if isinstance(one, Photo):
            result.append(one)
        elif isinstance(one, (str, os.PathLike)):
            result += photos(one) if os.path.isdir(one) else [Path(one)]
        else:
            raise TypeError(f"images are photos, files, folders or a tensor (N, C, H, W), not {type(one).__name__}")
    if not result:
        raise ValueError("no images were given; give photos, files or a folder")
    return result
