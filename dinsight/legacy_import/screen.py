"""The report of an import."""

from rich.console import Console
from rich.table import Table

from dinsight.legacy_import.takeover import Imported


def show(console: Console, imported: Imported) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("table")
    for heading in ("legacy rows", "imported rows", "added now"):
        table.add_column(heading, justify="right")
    for heading in ("legacy checksum", "imported checksum"):
        table.add_column(heading, overflow="fold")
    for name, source in imported.source.items():
        target = imported.target[name]
        table.add_row(
            name,
            str(source.rows),
            str(target.rows),
            str(imported.added[name]),
            source.checksum,
            target.checksum,
        )
    console.print(table)
    place = f"the organization {imported.organization_name!r} ({imported.organization_id})"
    if not imported.changed:
        console.print(
            f"Nothing to do: {place} has all rows, with equal counts and checksums.", soft_wrap=True
        )
        return
    others = ", ".join(
        f"{count} {kind}" for kind, count in imported.added.items() if kind not in imported.source and count
    )
    console.print(f"Imported into {place}; also created: {others or 'nothing'}.", soft_wrap=True)
