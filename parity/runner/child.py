"""The child process: imports a learner's file, runs one component's cases, answers in arrays.

``supervisor`` starts it. It never computes nor receives an expected value, so whatever the file
does to NumPy, to ``sys`` or to this very module can spoil its own answers and no more.
"""

from __future__ import annotations

import importlib.util
import linecache
import os
import sys
import traceback
import warnings
from dataclasses import astuple
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

import parity.catalogue
from parity.catalogue.component import Component, Given, Implementation, arrange
from parity.comparison import Absent, as_result
from parity.diagnosis.places import places_of
from parity.engine import poisoned_empty
from parity.runner.adapt import adapt
from parity.runner.frames import ARRAY_LIMIT, read_message, write_message
from parity.runner.names import MappingError, find_components

MODULE_NAME = "learners_file"

#: The exit code where the answers cannot be given.
SPEECHLESS = 71

#: What the memory limit is raised by, in bytes, to say that it was reached.
LAST_WORDS = 2**27

#: How many files, sockets and pipes may be open.
OPEN_FILES = 1024

#: How much is told of what a learner's file says, in characters: of a message, and of a name or
#: line. And how many names.
MESSAGE, NAME, NAMES = 2000, 200, 1000


def answer_request() -> None:
    """Answer one request from standard input on what was standard output, and end the process."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    message = read_message(sys.stdin.buffer)
    if message is None:  # started ahead, and never asked
        os._exit(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    request, arrays = message
    warnings.simplefilter("ignore")
    try:
        _answer(answers, request, arrays)
    except BaseException:
        os._exit(SPEECHLESS)
    os._exit(0)


def _answer(answers: BinaryIO, request: dict[str, Any], arrays: list[Any]) -> None:
    _limit(request["memory"], request["file_size"])
    known = {name: _described(name, entry) for name, entry in request["catalogue"].items()}
    component = _complete(request["component"], known)
    path = request["file"]
    sys.path.append(str(Path(path).parent))
    with poisoned_empty():
        try:
            module = _import_file(path)
            found = find_components(module, known.values())
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
                "found": {name: str(kind)[:NAME] for name, (_, kind) in found.items()},
                "places": {
                    name: {method: astuple(place) for method, place in places.items()}
                    for name, (value, _) in found.items()
                    if (places := places_of(value, path))
                },
                "names": [name[:NAME] for name in vars(module) if not name.startswith("_")][:NAMES],
            },
        )
        if component is None:
            write_message(answers, {"event": "done"})
            return

        own = {name: value for name, (value, _) in found.items()}
        implementation = Implementation(adapt(component.name, own))
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


def _described(name: str, entry: list[Any]) -> Component:
    """A component as far as it takes to find it in a file, or its scratch implementation: to import
    the whole catalogue would take longer than all the rest.
    """
    module, shown_by, aliases, keys, method_of = entry
    return Component(
        name=name,
        chapter=0,
        module=module,
        summary="",
        compares=(),
        run=_unknown,
        reference=_unknown,
        cases=(),
        skeleton="",
        aliases=tuple(aliases),
        keys=tuple(keys),
        method_of=method_of,
        shown_by=shown_by,
    )


def _unknown(*_: Any) -> Any:
    raise NotImplementedError


def _complete(name: str | None, known: dict[str, Component]) -> Component | None:
    """The component as it stands in the catalogue; the names of all others are known there, too."""
    catalogue: Any = parity.catalogue
    catalogue._by_name = lambda: known
    if name is None:
        return None
    entries = import_module(f"parity.catalogue.{known[name].module}").COMPONENTS
    known.update({entry.name: entry for entry in entries})
    return known[name]


def _limit(memory: int, file_size: int) -> None:
    """Let the process grow by ``memory`` bytes and the files that it writes to ``file_size``. Where
    that cannot be, the parent watches alone.

    What counts as memory is data, not address space: a library like torch maps gigabytes of code.
    """
    try:
        import resource
    except ImportError:
        return
    limits = [
        (resource.RLIMIT_CORE, 0, True),
        (resource.RLIMIT_FSIZE, file_size, True),
        (resource.RLIMIT_NOFILE, OPEN_FILES, True),
    ]
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[5])
        limits.append((resource.RLIMIT_DATA, pages * resource.getpagesize() + memory, False))
    except (OSError, ValueError, IndexError):
        pass
    for kind, limit, is_final in limits:
        try:
            _, hard = resource.getrlimit(kind)
            if hard != resource.RLIM_INFINITY:
                limit = min(limit, hard)
            resource.setrlimit(kind, (limit, limit if is_final else hard))
        except (OSError, ValueError):
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
    kinds: list[list[Any]] = []
    arrays = []
    for name, value in values.items():
        if type(value) is bool:
            kinds.append([name, "bool", value])
            continue
        result = as_result(value)
        if isinstance(result, Absent):
            kinds.append([name, "absent", str(result.what)[:NAME]])
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
        message = _message(error, path)[:MESSAGE]
    except BaseException:  # __str__ is the learner's, too
        message = ""
    return {
        "type": _type_name(error)[:NAME],
        "message": message,
        "frames": frames if len(frames) <= 6 else [*frames[:3], *frames[-3:]],
    }


def _type_name(error: BaseException) -> str:
    """The name of an exception's class, whatever its metaclass says."""
    name: str = type.__dict__["__name__"].__get__(type(error))
    return name


def _message(error: BaseException, path: str) -> str:
    if isinstance(error, SyntaxError) and error.filename == path:
        return str.__str__(error.msg)  # without the file's name
    return str.__str__(str(error))  # a plain string, whatever the class of this one can do


def _frames(error: BaseException, path: str) -> list[dict[str, Any]]:
    if isinstance(error, SyntaxError) and error.filename == path:
        code = (error.text or "").strip()
        line = error.lineno if isinstance(error.lineno, int) else None
        return [{"line": line, "function": "<module>", "code": code[:NAME]}]
    return [
        {
            "line": frame.lineno,
            "function": frame.name[:NAME],
            "code": linecache.getline(path, frame.lineno or 0).strip()[:NAME],
        }
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == path
    ]
