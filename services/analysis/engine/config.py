"""The engine's parameters: the columns of `config_data` under the specification's names and defaults."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from .errors import ConfigError

OPTIMIZERS = ("adam", "sgd", "lbfgs")
MODES = ("kanadaSan", "random")
SCALINGS = ("auto", "none", "standard")
DETECTORS = ("feature_mahalanobis", "map_mahalanobis", "t2_spe")
THRESHOLD_RULES = ("sigma", "quantile")

MAP_DIMENSIONS = 2
"""`dinsight_data` and `monitor_data` store x and y, so `lowdim` is 2 and others are refused."""

MIN_LANDMARKS, MOST_LANDMARKS = 50, 8000
"""Fewer references cannot carry a map of a file that is larger than that; more need 3 n^2 numbers, 1.5 GB."""

MOST_ITERATIONS = 1_000_000
"""A thousand times the default: a typing error would hold a worker for days."""

LARGEST_STEP, LARGEST_SENSITIVITY = 1e3, 1e3
"""A map has a diameter of about 1, a threshold lies a few standard deviations off: larger is a mistake."""

LEAST_WIDTH, LARGEST_WIDTH = 1e-6, 1e6
"""Of the similarity's terms, for distances between 0 and 1; beyond these a term is a step or a constant."""

LARGEST_SEED = 2**63 - 1

LONGEST_NAME = 255
"""Characters of the columns of `config_data`."""

NUMBERED = re.compile(r"(.*?)(\d+)")
"""A numbered column: `f_12`."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Every parameter of the map, the detectors and the health, with its default.

    Map (columns of `config_data`):

    - `gamma0` stop when the relative change of the cost stays below it (adam, sgd: below its root, and an
      L-BFGS descent goes on from there); 0 runs all `imax` iterations;
    - `optimizer` `adam`, `sgd` or `lbfgs`; `alpha` the step of adam and sgd;
    - `end_meta`, `start_dim`, `end_dim` the last metadata column and the run of feature columns; an empty
      `end_meta` means that the file has no metadata before its features;
    - `imax` most iterations; `lowdim` dimensions of the map (2, see `MAP_DIMENSIONS`);
    - `eta` momentum of sgd, `beta` factor of its step if the cost rises; `beta1`, `beta2`, `epsilon` of adam;
    - `a` weight of the local term, `w1` its width unless `which_w1` is `auto`, `w2` width of the global one;
    - `mode` `kanadaSan` (principal plane) or `random`; `param_mode` the size of the start;
    - `seed` of the random start and of the landmarks; `landmarks` most samples optimised at once;
    - `scaling` `none`, `standard` or `auto`.

    Detection: `detector`; `ewma` weight of the moving average over the sequence, 0 < l <= 1 (None: raw);
    `threshold_rule` `sigma` (mean + `sensitivity` * std) or `quantile` (of the baseline, `quantile`);
    `severity_bands` the distance/threshold from which an anomaly is medium, high, critical.

    Health: shares of anomalies and wear (baseline standard deviations) from which a machine is
    `deteriorating` and `failing`.
    """

    gamma0: float = 1e-7
    optimizer: str = "adam"
    alpha: float = 0.1
    end_meta: str = "participant"
    start_dim: str = "f_0"
    end_dim: str = "f_1023"
    imax: int = 1000
    lowdim: int = 2
    eta: float = 0.5
    epsilon: float = 1e-8
    beta1: float = 0.9
    beta2: float = 0.999
    beta: float = 0.5
    a: float = 0.8
    w1: float = 0.04
    w2: float = 1.0
    which_w1: str = "auto"
    mode: str = "kanadaSan"
    param_mode: float = 0.3
    scaling: str = "auto"
    landmarks: int = 2000
    seed: int = 0
    detector: str = "feature_mahalanobis"
    ewma: float | None = None
    sensitivity: float = 3.0
    threshold_rule: str = "sigma"
    quantile: float = 0.995
    severity_bands: tuple[float, float, float] = (1.5, 2.0, 3.0)
    deteriorating_fraction: float = 0.05
    failing_fraction: float = 0.15
    deteriorating_wear: float = 3.0
    failing_wear: float = 6.0

    def validate(self) -> EngineConfig:
        """Return this configuration, or raise ConfigError naming the first parameter out of its range."""
        self._validate_map()
        self._validate_detection()
        return self

    def _validate_map(self) -> None:
        self._number("gamma0", 0.0, 1.0)
        self._choice("optimizer", OPTIMIZERS)
        self._number("alpha", 0.0, LARGEST_STEP, open_low=True)
        for name in ("end_meta", "start_dim", "end_dim", "which_w1"):
            self._text(name, empty=name == "end_meta")
        self._validate_columns()
        self._integer("imax", 1, MOST_ITERATIONS)
        self._integer("lowdim", 1)
        if self.lowdim != MAP_DIMENSIONS:
            raise ConfigError(
                f"lowdim is {self.lowdim}, but a map is stored as x and y: set lowdim to 2", field="lowdim"
            )
        for name in ("eta", "beta1", "beta2"):
            self._number(name, 0.0, 1.0, open_high=True)
        self._number("epsilon", 0.0, 1.0, open_low=True)
        self._number("beta", 0.0, 1.0, open_low=True, open_high=True)
        self._number("a", 0.0, 1.0)
        for name in ("w1", "w2"):
            self._number(name, LEAST_WIDTH, LARGEST_WIDTH)
        self._number("param_mode", 0.0, LARGEST_STEP, open_low=True)
        self._choice("mode", MODES)
        self._choice("scaling", SCALINGS)
        self._integer("landmarks", MIN_LANDMARKS, MOST_LANDMARKS)
        self._integer("seed", 0, LARGEST_SEED)

    def _validate_columns(self) -> None:
        """What the names alone tell; their places in a file are checked when it is read."""
        for name in ("start_dim", "end_dim"):
            if self.end_meta and getattr(self, name) == self.end_meta:
                raise ConfigError(
                    f"{name} and end_meta are both '{self.end_meta}': features begin after the metadata",
                    field=name,
                )
        first, last = NUMBERED.fullmatch(self.start_dim), NUMBERED.fullmatch(self.end_dim)
        if first and last and first[1] == last[1] and int(first[2]) > int(last[2]):
            raise ConfigError(
                f"start_dim '{self.start_dim}' comes after end_dim '{self.end_dim}': swap them",
                field="start_dim",
            )

    def _validate_detection(self) -> None:
        self._choice("detector", DETECTORS)
        if self.ewma is not None:
            self._number("ewma", 0.0, 1.0, open_low=True)
        self._number("sensitivity", 0.0, LARGEST_SENSITIVITY, open_low=True)
        self._choice("threshold_rule", THRESHOLD_RULES)
        self._number("quantile", 0.5, 1.0, open_high=True)
        bands = self.severity_bands
        if len(bands) != 3 or not all(math.isfinite(band) for band in bands):
            raise ConfigError(
                "severity_bands must be three numbers: medium, high, critical", field="severity_bands"
            )
        if not 1.0 < bands[0] < bands[1] < bands[2]:
            raise ConfigError(
                f"severity_bands must rise from above 1 (the threshold itself), and are {tuple(bands)}",
                field="severity_bands",
            )
        for kind, upper in (("fraction", 1.0), ("wear", math.inf)):
            low, high = f"deteriorating_{kind}", f"failing_{kind}"
            self._number(low, 0.0, upper, open_low=True)
            self._number(high, 0.0, upper, open_low=True)
            if getattr(self, high) < getattr(self, low):
                raise ConfigError(f"{high} must not be below {low}: failing is worse", field=high)

    def _number(
        self, name: str, low: float, high: float, *, open_low: bool = False, open_high: bool = False
    ) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"{name} must be a finite number, and is {value!r}", field=name)
        if value < low or value > high or (open_low and value == low) or (open_high and value == high):
            least = f"above {low:g}" if open_low else f"at least {low:g}"
            most = "" if math.isinf(high) else f" and {'below' if open_high else 'at most'} {high:g}"
            raise ConfigError(f"{name} must be {least}{most}, and is {value!r}", field=name)

    def _integer(self, name: str, low: int, high: int | None = None) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ConfigError(f"{name} must be a whole number, and is {value!r}", field=name)
        if value < low or (high is not None and value > high):
            most = "" if high is None else f" and at most {high}"
            raise ConfigError(f"{name} must be at least {low}{most}, and is {value}", field=name)

    def _choice(self, name: str, known: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in known:
            raise ConfigError(f"{name} must be one of {', '.join(known)}, and is {value!r}", field=name)

    def _text(self, name: str, *, empty: bool) -> None:
        value = getattr(self, name)
        if not isinstance(value, str) or not (empty or value.strip()):
            raise ConfigError(f"{name} must be a name, and is {value!r}", field=name)
        if len(value) > LONGEST_NAME:
            raise ConfigError(
                f"{name} must have at most {LONGEST_NAME} characters, and has {len(value)}", field=name
            )
