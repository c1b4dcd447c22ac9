"""Lowered grammars on disk: what a front end made of a source is made again in a fraction of the time.

Off unless the environment variable TAMIS_GRAMMAR_CACHE says where: a folder, or 1 for `tamis/grammars` in the user's
cache. A file holds the calls that the front end made on the builder, as JSON, under the digest of kind, source and
options; grammars that take less than 50 ms are not worth a file, nor are choices and JSON Schemas, whose work is done
in C++ anyway. Its stamp names everything else that the calls depend on: the sources of tamis's front ends, its
extension, the versions of Python and of the packages behind them. A file that is damaged or foreign is left out of
account with a warning, one of another stamp without; both are written anew. The folder is kept below 256 MiB, files
used longest ago going first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from ._core import CompileError, GrammarBuilder
from .builder import Builder
from .machines import remember
from .recording import RecordingBuilder, replayed

SETTING: Final = "TAMIS_GRAMMAR_CACHE"
MAX_BYTES: Final = 256 << 20
_MAX_ENTRY: Final = 512 << 20  # as JSON
_WORTHWHILE: Final = 0.05  # seconds that a front end takes
_KINDS: Final = ("regex", "ebnf", "gbnf", "lark")

Lower = Callable[..., int]


def folder() -> Path | None:
    """Where lowered grammars are kept; None while that is off."""
    setting = os.environ.get(SETTING, "")
    if setting in ("", "0"):
        return None
    if setting == "1":
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tamis" / "grammars"
    return Path(setting).expanduser()


def lowered(kind: str, source: str, options: Mapping[str, Any], lower: Lower) -> tuple[GrammarBuilder, int]:
    """What `lower` makes of a source, from the folder if it is there. Raises as `lower` does."""
    place = folder()
    if place is None or kind not in _KINDS:
        builder = GrammarBuilder()
        return builder, lower(builder, source, **options)
    digest = hashlib.sha256(json.dumps([kind, source, options], sort_keys=True).encode()).hexdigest()
    path = place / f"{digest}.grammar"
    found = _read(path, digest)
    if found is not None:
        return found
    recorder = RecordingBuilder()
    begin = time.perf_counter()
    remember(True)
    try:
        node = lower(_as_builder(recorder), source, **options)
    finally:
        remember(False)
    if recorder.complete and time.perf_counter() - begin >= _WORTHWHILE:
        _write(path, digest, {"calls": recorder.calls, "node": node})
    return recorder.builder, node


def _as_builder(recorder: RecordingBuilder) -> Builder:
    return recorder


@cache
def stamp() -> str:
    """A digest of everything besides its source that a lowered grammar depends on."""
    from importlib.metadata import version

    from . import _core

    here = Path(__file__).parent
    digest = hashlib.sha256(f"{sys.version} {sys.implementation.name}".encode())
    for package in ("lark", "regex"):
        digest.update(f"{package} {version(package)}".encode())
    for path in [*sorted(here.rglob("*.py")), Path(_core.__file__)]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


# Files: a line of JSON that says what follows, then the compressed JSON of the calls ----------------------------------


def _read(path: Path, digest: str) -> tuple[GrammarBuilder, int] | None:
    """The builder and node of a file; None where there is none that can be used."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _warn(path, f"it cannot be read: {error.strerror}")
        return None
    try:
        head, _, body = data.partition(b"\n")
        header = json.loads(head)
        if not isinstance(header, dict) or header.get("tamis grammar") != digest:
            raise ValueError("it is no cached grammar, or another one")
        if header.get("stamp") != stamp():
            return None
        if header.get("sha256") != hashlib.sha256(body).hexdigest():
            raise ValueError("it is damaged")
        unpacking = zlib.decompressobj()
        entry = json.loads(unpacking.decompress(body, _MAX_ENTRY))
        builder = replayed(entry["calls"])
        node = entry["node"]
        builder.seq([node])  # TypeError or ValueError for what is no node
    except (ValueError, TypeError, KeyError, zlib.error, RecursionError, CompileError) as error:
        _warn(path, str(error))
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return builder, node


def _write(path: Path, digest: str, entry: dict[str, Any]) -> None:
    body = zlib.compress(json.dumps(entry, separators=(",", ":")).encode(), 1)
    if len(body) > MAX_BYTES // 4:
        return
    header = {"tamis grammar": digest, "stamp": stamp(), "sha256": hashlib.sha256(body).hexdigest()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps(header).encode() + b"\n" + body)
            os.replace(scratch, path)
        except BaseException:
            os.unlink(scratch)
            raise
        _shrink(path.parent)
    except OSError as error:
        _warn(path, f"it cannot be written: {error.strerror}")


def _shrink(place: Path) -> None:
    """Delete the files used longest ago until the rest fits."""
    files = []
    for path in place.glob("*.grammar"):
        with contextlib.suppress(OSError):
            status = path.stat()
            files.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= MAX_BYTES:
            break
        path.unlink(missing_ok=True)
        total -= size


def _warn(path: Path, why: str) -> None:
    warnings.warn(f"the cached grammar {path} is left out of account: {why}", RuntimeWarning, stacklevel=2)
