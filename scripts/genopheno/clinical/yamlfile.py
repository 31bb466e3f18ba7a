"""A YAML file as plain texts, with the line of every key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from genopheno.problems import Problems

DOCS = "See docs/configuration.md for the keys of this file"
Lines = dict[tuple[str, ...], int]


def line_of(lines: Lines, where: tuple[str, ...]) -> int | None:
    """Line of the deepest key on the way `where` that is in the file."""
    for end in range(len(where), 0, -1):
        if where[:end] in lines:
            return lines[where[:end]]
    return None


def _walk(
    node: yaml.Node,
    path: tuple[str, ...],
    lines: Lines,
    repeated: list[tuple[tuple[str, ...], int]],
) -> Any:
    """Plain values of a YAML node; note the line of each key and keys given twice."""
    if isinstance(node, yaml.MappingNode):
        values: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = str(name_node.value)
            where = (*path, name)
            line = name_node.start_mark.line + 1
            if name in values:
                repeated.append((where, line))
            lines.setdefault(where, line)
            values[name] = _walk(value_node, where, lines, repeated)
        return values
    if isinstance(node, yaml.SequenceNode):
        items = []
        for i, item in enumerate(node.value):
            lines[(*path, str(i))] = item.start_mark.line + 1
            items.append(_walk(item, (*path, str(i)), lines, repeated))
        return items
    return node.value


def load(path: Path) -> tuple[dict, Lines, Problems]:
    """Values of the file, the line of each key, and what is wrong with it as YAML.

    YAML's guesses are left out: every scalar stays the text that was written.
    """
    found, lines = Problems(), {}
    if not path.is_file():
        found.add(
            "phenotypes-missing",
            path,
            "there is no such file",
            "Give the declaration of the traits; 'genopheno init DIR' writes an example",
        )
        return {}, lines, found
    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        mark = getattr(error, "problem_mark", None)
        found.add(
            "phenotypes-unreadable",
            path,
            f"it is not valid YAML in UTF-8: {getattr(error, 'problem', None) or error}",
            "Mend the syntax; indentation is by spaces",
            row=mark.line + 1 if mark else None,
        )
        return {}, lines, found
    repeated: list[tuple[tuple[str, ...], int]] = []
    values = _walk(node, (), lines, repeated) if node is not None else {}
    for where, line in repeated:
        found.add(
            "phenotypes-invalid",
            path,
            f"the key {where[-1]!r} is given twice (first on line {lines[where]})",
            "Keep one of them",
            row=line,
            column=shown(where),
        )
    if not isinstance(values, dict):
        found.add("phenotypes-invalid", path, "it is not a list of keys and values", DOCS)
        return {}, lines, found
    return values, lines, found


def shown(where: tuple[str, ...]) -> str:
    """A key as people name it: ``ldl.column``."""
    return ".".join(where[1:] if where[0] == "traits" and len(where) > 1 else where)
