"""`dinsight import lookout` and `dinsight import azure`: move a machine from a retired service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dinsight.imports.errors import ImportRefused

if TYPE_CHECKING:
    from dinsight.imports.dataset import Dataset

app = typer.Typer(help="Import machines from retired services, through the gateway.", no_args_is_help=True)

GatewayOption = Annotated[
    str, typer.Option(envvar="DINSIGHT_GATEWAY_URL", metavar="URL", help="The gateway's address.")
]
KeyOption = Annotated[
    str | None,
    typer.Option(envvar="DINSIGHT_API_KEY", help="An API key of the organization, with the role admin."),
]
MachineOption = Annotated[str | None, typer.Option(help="The machine's name here.")]
LabelsOption = Annotated[Path | None, typer.Option(help="CSV with the start and the end of known events.")]
ModelOption = Annotated[Path | None, typer.Option(help="The service's description of the model (JSON).")]
ResultsOption = Annotated[
    Path | None, typer.Option(help="The service's results of inference: JSON, JSON lines, or a folder.")
]
TrainOption = Annotated[
    tuple[str, str] | None, typer.Option(metavar="START END", help="The range of the baseline (ISO 8601).")
]
EvaluateOption = Annotated[
    tuple[str, str] | None, typer.Option(metavar="START END", help="The range to monitor (ISO 8601).")
]
OffOption = Annotated[str | None, typer.Option(help="A condition under which the machine is off.")]
ResampleOption = Annotated[str | None, typer.Option(help="The step that samples are brought to: PT5M.")]
ZoneOption = Annotated[str | None, typer.Option(help="The zone of times that state none. Default: UTC.")]
FormatOption = Annotated[str | None, typer.Option(help="How the samples' times are written: %m/%d/%Y %H:%M.")]
LabelFormatOption = Annotated[str | None, typer.Option(help="How the labels' times are written.")]
CompleteOption = Annotated[
    bool,
    typer.Option("--labels-complete", help="The labels name every fault: other alerts were false alarms."),
]
ReportOption = Annotated[Path | None, typer.Option(help="Writes the comparison to this file, as JSON.")]
LOCAL_GATEWAY = "http://127.0.0.1:8000"


@app.command()
def lookout(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folders of components with CSV files.")],
    gateway: GatewayOption = LOCAL_GATEWAY,
    api_key: KeyOption = None,
    machine: MachineOption = None,
    schema: Annotated[Path | None, typer.Option(help="The dataset's schema (JSON).")] = None,
    labels: LabelsOption = None,
    model: ModelOption = None,
    results: ResultsOption = None,
    train: TrainOption = None,
    evaluate: EvaluateOption = None,
    off_when: OffOption = None,
    resample: ResampleOption = None,
    time_zone: ZoneOption = None,
    time_format: FormatOption = None,
    label_format: LabelFormatOption = None,
    labels_complete: CompleteOption = False,
    report: ReportOption = None,
) -> None:
    """Import a dataset of Amazon Lookout for Equipment: component/file.csv, schema, labels, model."""
    from dinsight.imports.lookout import read_lookout

    dataset = read_lookout(
        folder,
        machine=machine,
        schema=schema,
        labels=labels,
        model=model,
        results=results,
        time_zone=time_zone,
        time_format=label_format,
    )
    dataset = _set(dataset, train, evaluate, off_when, resample)
    _run(dataset, gateway, api_key, time_zone, time_format, labels_complete, report)


@app.command()
def azure(
    source: Annotated[Path, typer.Argument(metavar="DIR|ZIP", help="One CSV per variable, or one table.")],
    gateway: GatewayOption = LOCAL_GATEWAY,
    api_key: KeyOption = None,
    machine: MachineOption = None,
    labels: LabelsOption = None,
    model: ModelOption = None,
    results: ResultsOption = None,
    train: TrainOption = None,
    evaluate: EvaluateOption = None,
    off_when: OffOption = None,
    resample: ResampleOption = None,
    time_zone: ZoneOption = None,
    time_format: FormatOption = None,
    label_format: LabelFormatOption = None,
    labels_complete: CompleteOption = False,
    report: ReportOption = None,
) -> None:
    """Import what Azure AI Anomaly Detector was trained on: timestamp,value per variable, or one table."""
    import tempfile

    from dinsight.imports.azure import read_azure

    with tempfile.TemporaryDirectory() as scratch:
        dataset = read_azure(
            source,
            Path(scratch),
            machine=machine,
            labels=labels,
            model=model,
            results=results,
            time_zone=time_zone,
            time_format=label_format,
        )
        dataset = _set(dataset, train, evaluate, off_when, resample)
        _run(dataset, gateway, api_key, time_zone, time_format, labels_complete, report)


def _set(
    dataset: Dataset,
    train: tuple[str, str] | None,
    evaluate: tuple[str, str] | None,
    off_when: str | None,
    resample: str | None,
) -> Dataset:
    """Return the dataset with what the options say."""
    from dinsight.imports.dataset import span_of

    return replace(
        dataset,
        training=span_of(*train, "--train") if train else dataset.training,
        evaluation=span_of(*evaluate, "--evaluate") if evaluate else dataset.evaluation,
        off_when=off_when or dataset.off_when,
        resample=resample or dataset.resample,
    )


def _run(
    dataset: Dataset,
    address: str,
    api_key: str | None,
    time_zone: str | None,
    time_format: str | None,
    complete: bool,
    report: Path | None,
) -> None:
    import asyncio
    import json
    import tempfile

    from rich.console import Console

    from dinsight.imports.cutting import Cut, cut
    from dinsight.imports.flow import Imported, Importer
    from dinsight.imports.gateway import Gateway
    from dinsight.imports.report import compare
    from dinsight.imports.screen import show

    if not api_key:
        raise ImportRefused(
            "An API key is needed: create one with POST .../api-keys, and set DINSIGHT_API_KEY."
        )
    console = Console(highlight=False)

    async def imported(pieces: Cut) -> Imported:
        async with Gateway.opened(address, api_key) as gateway:
            importer = Importer(
                gateway, lambda text: console.print(text, markup=False, soft_wrap=True), complete=complete
            )
            return await importer.run(dataset, pieces)

    with tempfile.TemporaryDirectory() as folder:
        pieces = cut(dataset, Path(folder), time_zone=time_zone, time_format=time_format)
        done = asyncio.run(imported(pieces))
    compared = compare(done.samples, dataset.labels, dataset.found)
    show(console, dataset, pieces, done, compared)
    if report is not None:
        report.write_text(json.dumps(compared.as_json(), indent=2) + "\n", encoding="utf-8")
