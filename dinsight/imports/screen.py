"""The report of an import on the screen."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from dinsight.imports.cutting import Cut
from dinsight.imports.dataset import Dataset
from dinsight.imports.flow import Imported
from dinsight.imports.report import Comparison, Finding, Side


def show(console: Console, dataset: Dataset, cut: Cut, imported: Imported, compared: Comparison) -> None:
    """Print what was imported, and both services beside each other on the labels."""
    console.print(
        f"Imported {dataset.machine!r} ({imported.machine_id}): a baseline of {cut.training.rows} samples and"
        f" {imported.runs} runs.",
        soft_wrap=True,
    )
    for count, what in (
        (cut.labelled_in_training, "of the training range lie in labels and did not train"),
        (cut.outside, "lie outside both ranges and were not sent"),
        (cut.undated, "have no time that could be read and were not sent"),
    ):
        if count:
            console.print(f"{count} samples {what}.", soft_wrap=True)
    for note in (*dataset.notes, *imported.notes):
        console.print(note, style="yellow", markup=False, soft_wrap=True)
    if imported.outcomes:
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(imported.outcomes.items()))
        console.print(f"Alerts resolved with an outcome: {told}.", soft_wrap=True)
    console.print(_table(dataset.service, compared))
    if compared.theirs is None:
        console.print(
            f"The results of {dataset.service} are not at hand: give them with --results.", soft_wrap=True
        )


def _table(service: str, compared: Comparison) -> Table:
    sides = [("DInsight", compared.ours)] + ([] if compared.theirs is None else [(service, compared.theirs)])
    table = Table(box=None, pad_edge=False)
    table.add_column("label")
    for name, _ in sides:
        table.add_column(name)
    for place, event in enumerate(compared.events):
        when = f"{event.span.start:%Y-%m-%d %H:%M} {event.code}"
        table.add_row(when, *(_cell(side.events[place]) for _, side in sides))
    table.add_row("labels found", *(f"{side.found} of {len(side.events)}" for _, side in sides))
    table.add_row("outside of labels", *(_outside(side) for _, side in sides))
    return table


def _cell(finding: Finding) -> str:
    if not finding.anomalies:
        return f"missed (0 of {finding.samples})"
    verdict = "found" if finding.found else "no more than chance"
    first = "" if finding.first is None else f", first {finding.first:%m-%d %H:%M}"
    return f"{verdict} ({finding.anomalies} of {finding.samples}{first})"


def _outside(side: Side) -> str:
    return f"{side.outside_anomalies} of {side.outside_samples} ({side.outside_share:.2%})"
