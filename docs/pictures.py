"""Makes the pictures of the README from a real run of the demo: ``python docs/pictures.py``."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).resolve().parent
PICTURES = ("losses.png",)


def _with_local_fonts(svg: str) -> str:
    """The picture without the fonts that rich would have a viewer download."""
    return re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code,", "")


def main() -> None:
    """Run ``parity demo`` in an empty folder; draw its output, keep its picture of the losses."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "80", "TERM": "xterm-256color"}
        demo = subprocess.run(
            [sys.executable, "-m", "parity", "demo"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
        )
        console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True)
        console.print(Text.from_ansi("$ parity demo\n" + demo.stdout.decode()))
        picture = console.export_svg(title="parity demo")
        (DOCS / "demo.svg").write_text(_with_local_fonts(picture), encoding="utf-8")
        for name in PICTURES:
            shutil.copy(Path(folder) / "parity-demo" / name, DOCS / name)


if __name__ == "__main__":
    main()
