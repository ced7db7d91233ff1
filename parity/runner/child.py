"""The child process: imports a learner's file, runs one component's cases, answers in arrays.

Started as a script by ``isolated``. It never computes nor receives an expected value, so whatever
the file does to NumPy, to ``sys`` or to this very module can spoil its own answers and no more.
"""

from __future__ import annotations

import importlib.util
import json
import linecache
import os
import signal
import sys
import traceback
import warnings
from dataclasses import astuple
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

MODULE_NAME = "learners_file"

#: The exit code where the answers cannot be given.
SPEECHLESS = 71

#: What the memory limit is raised by, in bytes, to say that it was reached.
LAST_WORDS = 2**27


def main() -> None:
    """Answer one request from standard input on what was standard output."""
    _end_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.path[:] = json.loads(sys.argv[1])

    from parity.runner.frames import read_message

    message = read_message(sys.stdin.buffer)
    assert message is not None
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    request, arrays = message
    warnings.simplefilter("ignore")
    try:
        _answer(answers, request, arrays)
    except BaseException:
        os._exit(SPEECHLESS)
    os._exit(0)


def _end_with_parent() -> None:
    """Let Linux end this process when the parent ends, in whatever way: an endless loop would stay
    behind for ever.
    """
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != int(sys.argv[2]):  # it was too fast
            os._exit(SPEECHLESS)


def _answer(answers: BinaryIO, request: dict[str, Any], arrays: list[Any]) -> None:
    from parity.catalogue import component as component_of
    from parity.catalogue import components
    from parity.catalogue.component import Given, Implementation, arrange
    from parity.diagnosis.places import places_of
    from parity.engine import poisoned_empty
    from parity.runner.frames import write_message
    from parity.runner.names import MappingError, find_components

    _limit_memory(request["memory"])
    path = request["file"]
    sys.path.append(str(Path(path).parent))
    with poisoned_empty():
        try:
            module = _import_file(path)
            found = find_components(module, components())
        except MappingError as error:
            write_message(answers, {"event": "mapping", "message": str(error)})
            return
        except BaseException as error:
            _raise_memory_limit(error)
            write_message(answers, {"event": "raised", "case": None} | _describe(error, path))
            return
        write_message(
            answers,
            {
                "event": "loaded",
                "found": {name: kind for name, (_, kind) in found.items()},
                "places": {
                    name: {method: astuple(place) for method, place in places.items()}
                    for name, (value, _) in found.items()
                    if (places := places_of(value, path))
                },
                "names": [name for name in vars(module) if not name.startswith("_")],
            },
        )
        if request["component"] is None:
            write_message(answers, {"event": "done"})
            return

        component = component_of(request["component"])
        implementation = Implementation({name: value for name, (value, _) in found.items()})
        for index, names in enumerate(request["inputs"]):
            case = component.cases[index]
            inputs = {name: arrange(arrays.pop(0), case.layout) for name in names}
            try:
                observed = component.run(implementation, Given(inputs, case.options))
                kinds, values = _encode(observed.tensors)
                param_kinds, params = _encode(dict(enumerate(observed.params)))
                header = {
                    "event": "case",
                    "case": index,
                    "tensors": kinds,
                    "params": param_kinds,
                    "inputs": names,
                }
                write_message(answers, header, [*values, *params, *inputs.values()])
            except BaseException as error:
                _raise_memory_limit(error)
                write_message(answers, {"event": "raised", "case": index} | _describe(error, path))
                if isinstance(error, MemoryError):
                    break
    write_message(answers, {"event": "done"})


def _limit_memory(extra: int) -> None:
    """Let the process grow by ``extra`` bytes; where that cannot be, the parent watches alone.

    What counts is data, not address space: a library like torch maps gigabytes of code.
    """
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[5])
        limit = pages * resource.getpagesize() + extra
        resource.setrlimit(
            resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1])
        )
    except (ImportError, OSError, ValueError):
        pass


def _raise_memory_limit(error: BaseException) -> None:
    """Make room for the answer where memory has run out."""
    if isinstance(error, MemoryError):
        try:
            import resource

            soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (soft + LAST_WORDS, hard))
        except (ImportError, OSError, ValueError):
            pass


def _import_file(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(MODULE_NAME, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_NAME] = module
    spec.loader.exec_module(module)
    return module


def _encode(values: dict[Any, Any]) -> tuple[list[list[Any]], list[Any]]:
    """Names with what kind of thing each value is, and the arrays for those that are numbers."""
    import numpy as np

    from parity.comparison import Absent, as_result
    from parity.runner.frames import ARRAY_LIMIT

    kinds: list[list[Any]] = []
    arrays = []
    for name, value in values.items():
        if isinstance(value, bool):
            kinds.append([name, "bool", value])
            continue
        result = as_result(value)
        if isinstance(result, Absent):
            kinds.append([name, "absent", result.what])
        elif result.nbytes > ARRAY_LIMIT:
            kinds.append([name, "absent", f"an array of shape {result.shape}, which is too large"])
        else:
            kinds.append([name, "array" if isinstance(value, np.ndarray) else "number", None])
            arrays.append(result)
    return kinds, arrays


def _describe(error: BaseException, path: str) -> dict[str, Any]:
    """An exception, its traceback cut to the learner's own file."""
    try:
        frames = _frames(error, path)
    except BaseException:  # the file may have changed these modules
        frames = []
    try:
        message = _message(error, path)
    except BaseException:  # __str__ is the learner's, too
        message = ""
    return {
        "type": type(error).__name__,
        "message": message[:2000],
        "frames": frames if len(frames) <= 6 else [*frames[:3], *frames[-3:]],
    }


def _message(error: BaseException, path: str) -> str:
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.msg  # without the file's name
    return "".join(str(error))


def _frames(error: BaseException, path: str) -> list[dict[str, Any]]:
    if isinstance(error, SyntaxError) and error.filename == path:
        code = (error.text or "").strip()
        return [{"line": error.lineno, "function": "<module>", "code": code}]
    return [
        {
            "line": frame.lineno,
            "function": frame.name,
            "code": linecache.getline(path, frame.lineno or 0).strip(),
        }
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == path
    ]


if __name__ == "__main__":
    main()
