"""Limits of a whole condition, checked on the document as it was sent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.alerting.rules.documents import Location, Problem

# A deeper or larger condition is not readable.
MAX_DEPTH = 10
MAX_LEAVES = 100
BRANCHES = ("all", "any", "not")


@dataclass(frozen=True, slots=True)
class RawNode:
    """A node as it was sent, with its location."""

    location: Location
    depth: int
    content: Mapping[str, Any]

    @property
    def is_leaf(self) -> bool:
        return not any(name in self.content for name in BRANCHES)

    def children(self) -> Iterator[tuple[Location, Any]]:
        """Its children in reading order."""
        for name in BRANCHES:
            branch = self.content.get(name)
            for place, item in enumerate(branch if isinstance(branch, list) else ()):
                yield (*self.location, name, place), item
            if isinstance(branch, dict):
                yield (*self.location, name), branch


def raw_nodes(document: Any) -> list[RawNode]:
    """All nodes of a condition in reading order, down to the first level that is too deep."""
    if not isinstance(document, dict):
        return []
    steps = document.get("severity")
    roots: list[tuple[Location, Any]] = [(("when",), document.get("when"))]
    for place, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, dict):
            roots.append((("severity", place, "when"), step.get("when")))
    found: list[RawNode] = []
    # Without recursion, so that no document can exhaust the stack.
    waiting = [(location, 1, node) for location, node in reversed(roots)]
    while waiting:
        location, depth, content = waiting.pop()
        if isinstance(content, dict):
            node = RawNode(location, depth, content)
            found.append(node)
            if depth <= MAX_DEPTH:
                waiting += reversed([(place, depth + 1, item) for place, item in node.children()])
    return found


def exceeded(nodes: Sequence[RawNode]) -> list[Problem]:
    """The nodes that are too deep, and the first leaf above the maximum."""
    deep = [node.location for node in nodes if node.depth > MAX_DEPTH]
    surplus = [node.location for node in nodes if node.is_leaf][MAX_LEAVES : MAX_LEAVES + 1]
    return [
        *((location, f"exceeds the maximum depth of {MAX_DEPTH}") for location in deep),
        *((location, f"exceeds the maximum of {MAX_LEAVES} conditions") for location in surplus),
    ]
