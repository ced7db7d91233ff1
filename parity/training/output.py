"""Writing a run's files, all of them or none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory


def why_not_writable(directory: Path) -> str | None:
    """Why nothing can be written into ``directory``, which need not be there; None if all is well.

    Changes nothing, so what only shows on writing (a full disk) it cannot know.
    """
    there = directory
    try:
        while not there.exists() and there != there.parent:
            if there.is_symlink():
                return f"{there} is a link that leads nowhere"
            there = there.parent
        if not there.is_dir():
            return f"{there} is not a directory"
    except OSError as error:  # a name that is too long, a directory that may not be searched
        return error.strerror or str(error)
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{there} is not writable"
    return None


@contextmanager
def all_or_nothing(directory: Path) -> Iterator[Path]:
    """A temporary folder, whose files go to ``directory`` when the block ends without an exception.

    ``directory`` is made where it is missing, and goes again if nothing gets written. Files that
    are there already keep their content until all the new ones are complete.

    Raises:
        OSError: ``directory`` cannot be made or written to.
    """
    made = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with TemporaryDirectory(prefix=".unfinished-", dir=directory) as unfinished:
            yield Path(unfinished)
            for path in Path(unfinished).iterdir():
                if (directory / path.name).is_dir():
                    raise IsADirectoryError(0, f"{directory / path.name} is a directory")
            for path in sorted(Path(unfinished).iterdir()):
                path.replace(directory / path.name)
    finally:
        with suppress(OSError):  # not empty: all is well
            for path in made:
                path.rmdir()
