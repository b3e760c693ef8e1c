"""From the bytes of a YAML or JSON file to plain data in which every part knows its line and column.

A file is data: no tags, no aliases, no repeated keys, bounded size and depth. Scalars stay text, except null,
true and false: what a text means is decided by the field that takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LARGEST_FILE, DEEPEST, MOST_PROBLEMS = 1_000_000, 32, 20
CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")

Position = tuple[int, int]
Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (line and column from 1, None outside a file), which field, what to write.

    `clash`: parts that each are fine and do not fit together.
    """

    file: str
    line: int | None
    column: int | None
    path: str
    message: str
    clash: bool = False

    def __str__(self) -> str:
        """One line: FILE:LINE:COLUMN: field: what is wrong; what to write instead."""
        file = cut(self.file, 400)
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        path = "" if self.file.startswith(f"{self.path}=") else cut(self.path, 80)
        line = ": ".join(part for part in (place, path, cut(self.message, 400)) if part)
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


class ScenarioError(ValueError):
    """A scenario that cannot be used.

    `problems` holds what is wrong; the text has one line for each. `clash`: nothing but parts that do not fit together.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.clash = all(problem.clash for problem in problems)
        self.problems = sorted(problems, key=lambda p: (p.line is None, p.line or 0, p.column or 0))[:MOST_PROBLEMS]
        if len(problems) > MOST_PROBLEMS:
            self.problems.append(Problem(problems[0].file, None, None, "", "more problems follow; mend these first"))
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[Any, ...]:
        """So that one can come back from another process."""
        return type(self), (self.problems,)


def clash(path: str, message: str) -> ScenarioError:
    """The error for parts that each are fine and do not fit together."""
    return ScenarioError([Problem("", None, None, path, message, clash=True)])


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a key and its value stand."""

    file: str
    key: Position | None
    value: Position | None


@dataclass(slots=True)
class Document:
    """Plain data, where each part of it stands, and what was found wrong so far.

    All are alike to `==`: two scenarios that say the same are equal wherever they were written.
    """

    file: str = field(default="", compare=False)
    tree: Any = field(default=None, compare=False)
    marks: dict[Keys, Mark] = field(default_factory=dict, compare=False)
    problems: list[Problem] = field(default_factory=list, compare=False)

    def report(self, path: Keys, message: str, at_key: bool = False, clash: bool = False) -> None:
        """Note a problem at the part `path`, or else at one within it, or the nearest around it, that was written."""
        same = (keys for keys in self.marks if ".".join(keys) == ".".join(path))  # however a path is parted into keys
        within = (keys for keys in self.marks if keys[: len(path)] == path)
        around = (path[:n] for n in range(len(path), -1, -1))
        nearest = next((keys for keys in (*same, *within, *around) if keys in self.marks), ())
        mark = self.marks.get(nearest, Mark(self.file, None, None))
        line, column = (mark.key if at_key and len(nearest) == len(path) else mark.value) or (None, None)
        self.problems.append(Problem(mark.file, line, column, ".".join(path), message, clash))

    @contextmanager
    def located(self) -> Iterator[None]:
        """What is found wrong within, once it is read, is said to be wrong at its place."""
        try:
            yield
        except ScenarioError as error:
            found = Document(self.file, marks=self.marks)
            for problem in error.problems:
                found.report(tuple(problem.path.split(".")), problem.message, clash=problem.clash)
            raise ScenarioError(found.problems) from None


class _UnreadableError(Exception):
    """The text cannot be read on from this position."""

    def __init__(self, position: Position, message: str) -> None:
        self.position, self.message = position, message


def cut(text: str, length: int = 40) -> str:
    """The text, shortened to `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def show(value: Any) -> str:
    """A value as a message names it: text in quotes, anything else by its kind."""
    if isinstance(value, str):
        return repr(cut(value))
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    kinds = ((dict, "a mapping"), (list | tuple, "a list"), (int | float, "a number"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "an object")


def read_file(path: Path) -> bytes:
    """A file's bytes. Raises ValueError with what is wrong, also for a file above the limit."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1) if size <= LARGEST_FILE else b""
    except OSError as error:
        reason = (error.strerror or "not found").lower()
        raise ValueError(f"cannot be read ({reason}); write the path of a YAML or JSON file") from None
    except ValueError:
        raise ValueError("is not a path; write the path of a YAML or JSON file") from None
    if max(size, len(data)) > LARGEST_FILE:
        raise ValueError(f"is larger than {LARGEST_FILE // 1_000_000} MB; write the path of a small YAML or JSON file")
    return data


def parse(data: str | bytes, file: str) -> Document:
    """The document in YAML or JSON text. Whatever stops the reading is a problem of the document."""
    document = Document(file)
    try:
        document.tree = _Reader(_decode(data), document).root()
    except _UnreadableError as error:
        document.problems.append(Problem(file, *error.position, "", error.message))
    return document


def _decode(data: str | bytes) -> str:
    if len(data) > LARGEST_FILE:
        raise _UnreadableError((1, 1), f"larger than {LARGEST_FILE // 1_000_000} MB; a scenario is a small text file")
    if isinstance(data, bytes):
        try:
            data = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before, byte = error.object[: error.start].decode(), error.object[error.start]
            wrong = f"byte {byte:#04x} is not UTF-8; save the file as UTF-8 text"
            raise _UnreadableError(_end(before), wrong) from None
    if bad := _NOT_TEXT.search(data):
        wrong = f"character {ord(bad.group()):#04x} is not text; save the file as UTF-8 text"
        raise _UnreadableError(_end(data[: bad.start()]), wrong)
    return data


class _Reader:
    """Builds data from YAML events, so that nothing is built before it is known to be harmless."""

    def __init__(self, text: str, document: Document) -> None:
        import yaml

        self.yaml, self.document, self.end = yaml, document, _end(text)
        self.events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    def root(self) -> Any:
        """The one document of the text, None if there is none."""
        tree = None
        try:
            next(self.events)  # start of the stream
            if isinstance(next(self.events), self.yaml.DocumentStartEvent):
                tree = self.node(next(self.events), (), None)
                next(self.events)  # end of the document
                after = next(self.events)
                if not isinstance(after, self.yaml.StreamEndEvent):
                    raise _UnreadableError(
                        _position(after), "a second document starts here; write one scenario per file"
                    )
        except self.yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = min((mark.line + 1, mark.column + 1), self.end) if mark else (1, 1)
            wrong = getattr(error, "problem", None) or "unreadable"
            advice = "check indentation, quotes and brackets here"
            raise _UnreadableError(place, f"not valid YAML or JSON ({wrong}); {advice}") from None
        return tree

    def node(self, event: Any, path: Keys, key: Position | None) -> Any:
        """The data that starts with this event, at `path`."""
        place = _position(event)
        if event.anchor is not None:
            raise _UnreadableError(place, "anchors and aliases (& and *) are not accepted; write the value out")
        if event.tag not in (None, "!"):
            raise _UnreadableError(place, f"the tag {show(event.tag)} is not accepted; write the plain value")
        if len(path) > DEEPEST:
            raise _UnreadableError(place, f"nested more than {DEEPEST} deep; a scenario needs 4 levels")
        self.document.marks[path] = Mark(self.document.file, key, place)
        if isinstance(event, self.yaml.ScalarEvent):
            plain = event.implicit[0]
            return CONSTANTS.get(event.value.lower(), event.value) if plain else event.value
        if isinstance(event, self.yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(event := next(self.events), self.yaml.SequenceEndEvent):
                items.append(self.node(event, (*path, str(len(items))), None))
            return items
        return self.mapping(path)

    def mapping(self, path: Keys) -> dict[str, Any]:
        """The rest of a mapping, with repeated keys noted."""
        found: dict[str, Any] = {}
        while not isinstance(event := next(self.events), self.yaml.MappingEndEvent):
            place = _position(event)
            if not isinstance(event, self.yaml.ScalarEvent) or event.tag or event.anchor:
                raise _UnreadableError(place, "a key must be plain text; write for example 'devices: 64'")
            name, below = event.value, (*path, event.value)
            found_before = name in found
            found[name] = self.node(next(self.events), below, place)
            if found_before:
                self.document.report(below, f"key {show(name)} is given twice; remove one of them", at_key=True)
        return found


def _end(text: str) -> Position:
    """The position just behind a text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _position(event: Any) -> Position:
    return event.start_mark.line + 1, event.start_mark.column + 1
