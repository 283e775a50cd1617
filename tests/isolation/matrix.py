"""The matrix as a person reads it: one line for each operation, one column for each attack."""

from collections.abc import Iterable

from tests.isolation.attacks import NOT_TRIED, Answer
from tests.isolation.operations import Document, operations

COLUMNS = ("own", "path", "query", "body", "organization", "no token", "viewer")
LEGEND = (
    "own: one's own ids, and nothing of others in the answer. path, query, body: another organization's ids"
    " there. organization: theirs in X-Organization-Id. no token: none, and a forged one. viewer: a viewer"
    f" writes. {NOT_TRIED}: nothing to try."
)


def table(document: Document, answers: Iterable[Answer]) -> str:
    shown: dict[tuple[str, str], list[str]] = {}
    for answer in answers:
        mark = f"{answer.shown}!" if answer.wrong else answer.shown
        shown.setdefault((answer.operation.id, answer.attack), []).append(mark)
    rows: list[tuple[str, ...]] = [("operation", *COLUMNS)]
    for operation in operations(document):
        cells = [shown.get((operation.id, column), [NOT_TRIED]) for column in COLUMNS]
        rows.append((operation.name, *(" ".join(dict.fromkeys(cell)) for cell in cells)))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([*(line.rstrip() for line in lines), "", LEGEND])


def summary(answers: Iterable[Answer]) -> str:
    found = list(answers)
    tried = len({answer.operation.id for answer in found})
    wrong = sum(bool(answer.wrong) for answer in found)
    return f"{len(found)} attacks on {tried} operations, {wrong} answered wrongly"
