"""The command `dinsight demo`. Slow imports happen when it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tools.demo.flow import Outcome, Wanted
    from tools.demo.screen import Screen

# Two samples per feature are what the platform asks for; the fit takes seconds on an idle machine.
BASELINE_SAMPLES = 2100
MONITORING_SAMPLES = 600
SEED = 20260123
MIN_SAMPLES = 50

SamplesOption = Annotated[
    int, typer.Option(min=MIN_SAMPLES, max=100_000, help="Number of samples of the generated rig.")
]


def demo(
    baseline: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Normal samples.")
    ] = None,
    monitoring: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Later samples.")
    ] = None,
    gateway: Annotated[str | None, typer.Option(help="Address of the gateway.")] = None,
    map_path: Annotated[Path, typer.Option("--map", help="Where the picture goes.")] = Path("demo-map.png"),
    baseline_samples: SamplesOption = BASELINE_SAMPLES,
    monitoring_samples: SamplesOption = MONITORING_SAMPLES,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the generated rig.")] = SEED,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Show the platform on a generated rig whose bearing fails, or on your own two files."""
    import asyncio
    import tempfile

    from rich.console import Console

    from tools.demo.errors import DemoError
    from tools.demo.flow import Demo
    from tools.demo.place import find_place
    from tools.demo.screen import Screen

    if (baseline is None) != (monitoring is None):
        raise typer.BadParameter("give both files: --baseline FILE --monitoring FILE, or neither.")
    screen = Screen(Console(stderr=as_json))
    try:
        place = find_place(os.environ, gateway)
        with tempfile.TemporaryDirectory(prefix="dinsight-demo-") as folder:
            if baseline is not None and monitoring is not None:
                wanted = _own_files(baseline, monitoring, map_path)
            else:
                wanted = _rig(Path(folder), (baseline_samples, monitoring_samples), seed, map_path, screen)
            outcome = asyncio.run(Demo(place, wanted, screen).run())
    except (DemoError, OSError) as error:
        Console(stderr=True).print(
            f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if as_json:
        _print_json(outcome)


def _own_files(baseline: Path, monitoring: Path, map_path: Path) -> Wanted:
    from tools.demo.flow import Wanted

    machine = {"name": f"Machine of {baseline.stem}"[:255], "metadata": {"demo": True}}
    return Wanted(baseline, monitoring, machine, map_path, lambda name, _anomaly: name)


def _rig(folder: Path, samples: tuple[int, int], seed: int, map_path: Path, screen: Screen) -> Wanted:
    import numpy as np

    from tools.demo.flow import Wanted
    from tools.demo.rig import BINS, REGIMES, line_at, record_failing, record_normal
    from tools.demo.table import MACHINE_TAG, write_table

    rng = np.random.default_rng(seed)
    files = folder / "rig-normal.csv", folder / "rig-later.csv"
    recordings = record_normal(samples[0], rng), record_failing(samples[1], rng)
    for file, recording in zip(files, recordings, strict=True):
        write_table(recording, file)
    screen.step(
        f"Generated a rig: {BINS:,}-bin spectra in {len(REGIMES)} load regimes; {samples[0]:,} samples of"
        f" normal, then {samples[1]:,} in which a bearing fault grows"
    )
    machine = {
        "name": "Demo rig 1",
        "model": "Gear stage, 23 teeth",
        "serial_number": MACHINE_TAG,
        "location": "Test hall",
        "metadata": {"demo": True, "regimes": [regime.name for regime in REGIMES]},
    }

    def name_of(feature: str, anomaly: dict[str, Any]) -> str:
        speed = float((anomaly["metadata"] or {}).get("speed_rpm") or 0.0)
        return f"{feature}: {line_at(feature, speed)}" if speed else feature

    return Wanted(*files, machine, map_path, name_of)


def _print_json(outcome: Outcome) -> None:
    import json
    from dataclasses import asdict

    sys.stdout.write(json.dumps(asdict(outcome), indent=1) + "\n")
