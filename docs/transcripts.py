"""Puts the output of each ``$ parity`` command into the README: ``python docs/transcripts.py``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"

#: A block of the README that holds a command of ours and what it prints.
TRANSCRIPT = re.compile(r"```console\n\$ parity (?P<call>[^\n]+)\n(?P<output>.*?)```", re.DOTALL)


def output_of(call: str) -> str:
    """What ``parity CALL`` prints at 80 columns, run where it leaves nothing behind."""
    environment = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT)}
    for name in ("FORCE_COLOR", "NO_COLOR"):
        environment.pop(name, None)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(ROOT / "examples")
        ran = subprocess.run(
            [sys.executable, "-m", "parity", *call.split()],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            check=False,
        )
    lines = ran.stdout.decode().splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def main() -> None:
    """Rewrite the README's transcripts."""
    text = TRANSCRIPT.sub(
        lambda match: f"```console\n$ parity {match['call']}\n{output_of(match['call'])}```",
        README.read_text(encoding="utf-8"),
    )
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
