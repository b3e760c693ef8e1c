"""Where the numbers of a job are written down while a scenario is resolved, each with its status and source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from costmodel.catalog import CatalogError
from costmodel.job import Assumption, Assumptions, leaves
from costmodel.profile import ProfileError
from costmodel.source import Problem, ScenarioError

USER = "stated in the scenario"
RULE = "costmodel-prior"


@contextmanager
def named(path: str) -> Iterator[None]:
    """What `path` of a scenario names is looked up within: what no catalog and no profile answers is wrong there."""
    try:
        yield
    except (CatalogError, ProfileError) as error:
        raise ScenarioError([Problem("", None, None, path, str(error))]) from None


class Book:
    """Collects assumptions by path."""

    def __init__(self, shape: type) -> None:
        self.units = leaves(shape=shape)
        self.found: Assumptions = {}

    def set(
        self, path: str, value: Any, status: str, source: str, low: Any = None, high: Any = None, note: str = ""
    ) -> None:
        value = None if value is None else float(value)
        self.found[path] = Assumption(path, value, self.units[path], status, source, low, high, note)

    def given_or(
        self, path: str, given: Any, value: Any, source: str, low: Any = None, high: Any = None, note: str = ""
    ) -> None:
        """What the user said, or else a figure of the catalog, or else this program's default."""
        if given is not None:
            self.set(path, given, "given", USER)
        else:
            self.set(path, value, "default" if source == RULE else "catalog", source, low, high, note)
