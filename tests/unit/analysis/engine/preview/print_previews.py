"""Prints, as a table, what the previews of the raw files understand, and what they propose.

`python -m tests.unit.analysis.engine.preview.print_previews`, where ../shared/data is.
"""

from __future__ import annotations

import sys
from collections import Counter

from .test_previewing import DATA, previewed

RAW = (
    "raw-historian-status-words",
    "raw-water-pump",
    "raw-wind-scada-windows-1252",
    "raw-bearing-nameless-index",
)


def main() -> None:
    sys.stdout.write("| file | form | columns | problems | proposed |\n| --- | --- | --- | --- | --- |\n")
    for name in RAW:
        content = (DATA / f"{name}.csv.gz").read_bytes()
        found = previewed(content, name=f"{name}.csv.gz").model_dump(mode="json")
        understood, roles = found["understood"], Counter(column["role"] for column in found["columns"])
        form = [understood["encoding"], f"delimiter `{understood['delimiter']}`", *understood["archive"]]
        columns = ", ".join(f"{count} {role}" for role, count in roles.items())
        problems = ", ".join(sorted({f"`{problem['code']}`" for problem in found["problems"]})) or "none"
        proposed = ", ".join(f"`{field}`" for field in found["proposed_config"] or {})
        cells = (f"`{name}`", ", ".join(map(str, form)), columns, problems, proposed)
        sys.stdout.write(f"| {' | '.join(cells)} |\n")


if __name__ == "__main__":
    main()
