"""What tests of several files stand on."""

from __future__ import annotations

import json

import pytest

from costmodel import profile


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A user without profiles."""
    monkeypatch.setenv("COSTMODEL_PROFILES", str(tmp_path))
    return tmp_path


@pytest.fixture
def local(folder):
    """A user whose machine was measured: it is that of the shipped example."""
    made = profile.load("cpu-epyc-2core") | {"name": "local"}
    (folder / "local.json").write_text(json.dumps(made), encoding="utf-8")
    return made
