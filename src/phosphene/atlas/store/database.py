"""Tables at a path, a folder or an object storage's URL, kept by LanceDB: opened, replaced whole, one writer at a time.

A table is opened anew each time it is asked for, so that what another process wrote is seen. That costs half a
millisecond of a processor; a handle that is kept and brought up to date costs half of that, but goes on giving what was
there before where a table was dropped and made again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

KEPT = timedelta(minutes=10)  # how long versions that were replaced stay, for who is reading them
MANY = 10_000  # rows from which on an index of a column pays
EMBEDDING = b"embedding_functions"  # in a table's metadata, as LanceDB writes it
_LOCK = ".lock"


class Database:
    """The tables at `path`; `create` makes the folder.

    Raises FileNotFoundError where there is no atlas, ValueError for a file, or to create, a folder of other things.
    """

    def __init__(self, path: str | os.PathLike[str], create: bool = False) -> None:
        self.path = os.fspath(path)
        self.local = "://" not in self.path
        if self.local:
            self._check_folder(create)
        self.db = _connected(self.path)

    def _check_folder(self, create: bool) -> None:
        folder = Path(self.path)
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{self.path!r} is a file; an atlas is a folder")
        has_content = folder.is_dir() and any(folder.iterdir())
        if not has_content and not create:
            raise self.missing()
        if has_content and not any(child.suffix == ".lance" or child.name == _LOCK for child in folder.iterdir()):
            if not create:
                raise FileNotFoundError(f"there is no atlas at {self.path!r}, a folder with other things in it")
            raise ValueError(f"{self.path!r} is a folder with other things in it, and no atlas; name one of its own")
        folder.mkdir(parents=True, exist_ok=True)

    def missing(self) -> FileNotFoundError:
        return FileNotFoundError(f"there is no atlas at {self.path!r}; phosphene atlas build makes one")

    def names(self) -> list[str]:
        """The tables there are, and those that a killed process left behind before they held anything."""
        result: list[str] = []
        token = None
        while True:
            page = self.db.list_tables(page_token=token, limit=1000)
            result += page.tables
            token = page.page_token
            if not token:
                return result

    def table(self, name: str) -> Any:
        """The table. ValueError for one that names an embedding function, which LanceDB would build and call."""
        table = self.db.open_table(name)
        if EMBEDDING in (table.schema.metadata or {}):
            raise ValueError(
                f"the table {name!r} of the atlas {self.path!r} names an embedding function, which would run; "
                "Phosphene wrote no such table"
            )
        return table

    def find(self, name: str) -> Any | None:
        """The table, or None where there is none, or none that was ever finished."""
        try:
            return self.table(name)
        except (ValueError, FileNotFoundError) as error:
            if "not found" in str(error):
                return None
            raise

    def holds(self, name: str) -> bool:
        """Whether there is such a table, finished."""
        return self.find(name) is not None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second writer out, on this machine. ValueError where there is one."""
        if not self.local:
            yield
            return
        import fcntl

        with open(Path(self.path) / _LOCK, "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ValueError(
                    f"another process is writing to the atlas {self.path!r}; wait until it is done"
                ) from None
            yield

    def append(self, name: str, rows: pa.Table) -> None:
        """Adds the rows to the table, which is made where there is none."""
        table = self.find(name)
        if table is None:
            self.db.create_table(name, rows)
        else:
            table.add(rows)

    def overwrite(self, name: str, rows: pa.Table) -> None:
        """The table holds these rows from now on, in one step."""
        table = self.db.create_table(name, rows, mode="overwrite" if self.holds(name) else "create")
        table.optimize(cleanup_older_than=KEPT)

    def join(self, name: str) -> None:
        """Joins the small pieces that many writings leave behind, also those of its indexes; the content stays."""
        self.table(name).optimize(cleanup_older_than=KEPT)

    def index(self, name: str, *columns: str) -> None:
        """Indexes columns, so that a row is found by its value without a look at all; in a table of many rows."""
        from lancedb.index import BTree

        table = self.table(name)
        if table.count_rows() < MANY:
            return
        indexed = {column for each in table.list_indices() for column in each.columns}
        for column in columns:
            if column not in indexed:
                table.create_index(column, config=BTree())


def _connected(path: str) -> Any:
    try:
        import lancedb
    except ImportError as error:
        raise ImportError(
            f"an atlas is kept by lancedb, which is not installed: pip install lancedb ({error})"
        ) from None
    return lancedb.connect(path)
