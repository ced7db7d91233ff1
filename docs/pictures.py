"""Makes the pictures of the README from real runs: ``python docs/pictures.py``, many minutes."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).resolve().parent

#: Of the demo, and of trainings of chapters 4 to 7: files, and their names here.
DEMO = {"losses.png": "losses.png"}
TRAININGS = {
    ("mnist-dense", "--experiment", "4.8"): {
        "losses.png": "mnist_losses.png",
        "figure_4_8.png": "figure_4_8.png",
    },
    ("mnist-conv",): {"filters.png": "filters.png", "feature_maps.png": "feature_maps.png"},
    ("next-character",): {"losses.png": "text_losses.png"},
    ("autoencoder", "--side", "reference"): {
        "figure_7_3.png": "figure_7_3.png",
        "figure_7_4.png": "figure_7_4.png",
    },
}

#: A picture of more bytes is made smaller: ten thousand digits are.
MOST_BYTES = 200_000
SMALLER_WIDTH, SMALLER_COLOURS = 960, 64


def _with_local_fonts(svg: str) -> str:
    """The picture without the fonts that rich would have a viewer download."""
    return re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code,", "")


def main() -> None:
    """Run the demo and trainings in empty folders; draw the demo's output, keep pictures."""
    _draw_demo()
    for training, pictures in TRAININGS.items():
        with tempfile.TemporaryDirectory() as folder:
            command = ["train", *training, "--out", "run"]
            subprocess.run([sys.executable, "-m", "parity", *command], cwd=folder, check=True)
            _keep(Path(folder) / "run", pictures)


def _keep(folder: Path, pictures: dict[str, str]) -> None:
    for name, here in pictures.items():
        shutil.copy(folder / name, DOCS / here)
        if (DOCS / here).stat().st_size > MOST_BYTES:
            _make_smaller(DOCS / here)


def _make_smaller(path: Path) -> None:
    with Image.open(path) as image:
        size = SMALLER_WIDTH, round(image.height * SMALLER_WIDTH / image.width)
        smaller = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    smaller.quantize(SMALLER_COLOURS).save(path, optimize=True)


def _draw_demo() -> None:
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
        _keep(Path(folder) / "parity-demo", DEMO)


if __name__ == "__main__":
    main()
