"""The engine's parameters: the columns of `config_data` with the specification's names and defaults."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import ConfigError

OPTIMIZERS = ("adam", "sgd", "lbfgs")
MODES = ("kanadaSan", "random")
SCALINGS = ("auto", "none", "standard")
DETECTORS = ("feature_mahalanobis", "map_mahalanobis", "t2_spe")

ROLES = JUDGED, CONTEXT, IGNORED = "judged", "context", "ignored"
"""What a feature is used for: it alarms; the others are judged given its value; or nothing."""

MAP_DIMENSIONS = 2
"""`dinsight_data` and `monitor_data` store x and y, so `lowdim` must be 2."""

MIN_SAMPLES = 3
"""Two samples have a single distance, which gives neither a map nor a spread."""

MIN_LANDMARKS, MAX_LANDMARKS = 50, 8000
"""Fewer references cannot represent a larger file; the maximum needs 3 n^2 numbers, 1.5 GB."""

MAX_ITERATIONS = 1_000_000
"""A thousand times the default. Without a limit, a typing error could occupy a worker for days."""

DEFAULT_FALSE_ALARM_RATE = 0.005
"""One normal sample in two hundred, if a configuration names neither a rate nor a number of deviations."""

MIN_FALSE_ALARM_RATE, MAX_FALSE_ALARM_RATE = 1e-6, 0.5
"""No baseline could show that a smaller rate is kept, and above half of the samples an alarm says nothing."""

MAX_STEP, MAX_SENSITIVITY = 1e3, 1e3
"""A map is about 1 wide, and a threshold lies a few standard deviations out; larger values are mistakes."""

MIN_WIDTH, MAX_WIDTH = 1e-6, 1e6
"""Widths of the similarity's terms, for distances between 0 and 1. Beyond them a term degenerates into a step
or a constant."""

MAX_SEED = 2**63 - 1

MAX_NAME_CHARACTERS = 255
"""The length of the text columns of `config_data`."""

NUMBERED = re.compile(r"(.*?)(\d+)")
"""A numbered column: `f_12`."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Every parameter of the map, the detectors and the health, with its default.

    Map (columns of `config_data`):

    - `gamma0`: stop when the relative change of the cost stays below it (adam and sgd stop at its square
      root, and L-BFGS continues from there); 0 runs all `imax` iterations;
    - `optimizer`: `adam`, `sgd` or `lbfgs`; `alpha`: the step size of adam and sgd;
    - `end_meta`, `start_dim`, `end_dim`: the last metadata column, and the first and last feature columns; an
      empty `end_meta` means that no metadata precede the features;
    - `imax`: the maximum number of iterations; `lowdim`: dimensions of the map (2, see `MAP_DIMENSIONS`);
    - `eta`: momentum of sgd; `beta`: the factor of its step when the cost rises; `beta1`, `beta2`, `epsilon`:
      parameters of adam;
    - `a`: local term's weight; `w1`: its width unless `which_w1` is `auto`; `w2`: the global term's;
    - `mode`: `kanadaSan` (principal plane) or `random`; `param_mode`: the size of the initial map;
    - `seed`: seeds the random start and the landmarks; `landmarks`: the maximum number of samples optimised;
    - `scaling`: `none`, `standard` or `auto`.

    Detection: `detector`; `ewma`: weight of the moving average that is judged instead of single samples,
    0 < l <= 1; the alarm threshold: `false_alarm_rate`, the share of normal samples that may alarm, or
    `sensitivity`, the standard deviations above the baseline's mean distance (a higher value gives fewer
    alarms), at most one of the two (neither: DEFAULT_FALSE_ALARM_RATE); `severity_bands`: the ratios of
    distance to threshold at which an anomaly becomes medium, high and critical.

    Missing cells: samples of which more than the share `max_missing` of the features is missing are not
    judged.

    `roles` maps features to `judged`, `context` (the others are judged given its value) or `ignored`; those
    that are not named get theirs by rule, and names that are not in a file do not matter.

    Health: the shares of anomalies and the wear (in baseline standard deviations) at which a machine becomes
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
    sensitivity: float | None = None
    false_alarm_rate: float | None = None
    severity_bands: tuple[float, float, float] = (1.5, 2.0, 3.0)
    roles: Mapping[str, str] = field(default_factory=dict)
    deteriorating_fraction: float = 0.05
    failing_fraction: float = 0.15
    deteriorating_wear: float = 3.0
    failing_wear: float = 6.0
    max_missing: float = 0.5

    @property
    def asked_rate(self) -> float | None:
        """The share of normal samples that may alarm; None if `sensitivity` determines the threshold."""
        if self.sensitivity is not None:
            return None
        return DEFAULT_FALSE_ALARM_RATE if self.false_alarm_rate is None else self.false_alarm_rate

    def validate(self) -> EngineConfig:
        """Return this configuration. Raises ConfigError naming the first parameter that is out of range."""
        self._validate_map()
        self._validate_detection()
        return self

    def _validate_map(self) -> None:
        self._number("gamma0", 0.0, 1.0)
        self._choice("optimizer", OPTIMIZERS)
        self._number("alpha", 0.0, MAX_STEP, open_low=True)
        for name in ("end_meta", "start_dim", "end_dim", "which_w1"):
            self._text(name, empty=name == "end_meta")
        self._validate_columns()
        self._integer("imax", 1, MAX_ITERATIONS)
        self._integer("lowdim", 1)
        if self.lowdim != MAP_DIMENSIONS:
            raise ConfigError(
                f"lowdim must be {MAP_DIMENSIONS}, because a map is stored as x and y, but is {self.lowdim}",
                field="lowdim",
            )
        for name in ("eta", "beta1", "beta2"):
            self._number(name, 0.0, 1.0, open_high=True)
        self._number("epsilon", 0.0, 1.0, open_low=True)
        self._number("beta", 0.0, 1.0, open_low=True, open_high=True)
        self._number("a", 0.0, 1.0)
        for name in ("w1", "w2"):
            self._number(name, MIN_WIDTH, MAX_WIDTH)
        self._number("param_mode", 0.0, MAX_STEP, open_low=True)
        self._choice("mode", MODES)
        self._choice("scaling", SCALINGS)
        self._integer("landmarks", MIN_LANDMARKS, MAX_LANDMARKS)
        self._integer("seed", 0, MAX_SEED)

    def _validate_columns(self) -> None:
        """Check what the names alone reveal; reading a file checks their positions in it."""
        for name in ("start_dim", "end_dim"):
            if self.end_meta and getattr(self, name) == self.end_meta:
                raise ConfigError(
                    f"{name} and end_meta are both '{self.end_meta}', but features follow the metadata",
                    field=name,
                )
        first, last = NUMBERED.fullmatch(self.start_dim), NUMBERED.fullmatch(self.end_dim)
        if first and last and first[1] == last[1] and int(first[2]) > int(last[2]):
            raise ConfigError(
                f"start_dim '{self.start_dim}' comes after end_dim '{self.end_dim}'. Swap them",
                field="start_dim",
            )

    def _validate_detection(self) -> None:
        self._choice("detector", DETECTORS)
        if self.ewma is not None:
            self._number("ewma", 0.0, 1.0, open_low=True)
        if self.sensitivity is not None:
            self._number("sensitivity", 0.0, MAX_SENSITIVITY, open_low=True)
        if self.false_alarm_rate is not None:
            self._number("false_alarm_rate", MIN_FALSE_ALARM_RATE, MAX_FALSE_ALARM_RATE)
            if self.sensitivity is not None:
                raise ConfigError(
                    "false_alarm_rate and sensitivity (threshold_sigmas) both determine the alarm threshold."
                    " Name one of them, and set the other to null",
                    field="false_alarm_rate",
                )
        self._number("max_missing", 0.0, 1.0, open_high=True)
        bands = self.severity_bands
        if len(bands) != 3 or not all(math.isfinite(band) for band in bands):
            raise ConfigError(
                "severity_bands must be three numbers: medium, high, critical", field="severity_bands"
            )
        if not 1.0 < bands[0] < bands[1] < bands[2]:
            raise ConfigError(
                f"severity_bands must increase and be above 1 (the threshold itself), but are {tuple(bands)}",
                field="severity_bands",
            )
        if not isinstance(self.roles, Mapping):
            raise ConfigError(f"roles must map features to roles, but is {self.roles!r}", field="roles")
        for feature, role in self.roles.items():
            if role not in ROLES:
                raise ConfigError(
                    f"roles: '{feature}' must be one of {', '.join(ROLES)}, but is {role!r}",
                    field="roles",
                )
        for kind, upper in (("fraction", 1.0), ("wear", math.inf)):
            low, high = f"deteriorating_{kind}", f"failing_{kind}"
            self._number(low, 0.0, upper, open_low=True)
            self._number(high, 0.0, upper, open_low=True)
            if getattr(self, high) < getattr(self, low):
                raise ConfigError(f"{high} must not be below {low}", field=high)

    def _number(
        self, name: str, low: float, high: float, *, open_low: bool = False, open_high: bool = False
    ) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"{name} must be a finite number, but is {value!r}", field=name)
        if value < low or value > high or (open_low and value == low) or (open_high and value == high):
            lower = f"above {low:g}" if open_low else f"at least {low:g}"
            upper = "" if math.isinf(high) else f" and {'below' if open_high else 'at most'} {high:g}"
            raise ConfigError(f"{name} must be {lower}{upper}, but is {value!r}", field=name)

    def _integer(self, name: str, low: int, high: int | None = None) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ConfigError(f"{name} must be a whole number, but is {value!r}", field=name)
        if value < low or (high is not None and value > high):
            upper = "" if high is None else f" and at most {high}"
            raise ConfigError(f"{name} must be at least {low}{upper}, but is {value}", field=name)

    def _choice(self, name: str, known: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in known:
            raise ConfigError(f"{name} must be one of {', '.join(known)}, but is {value!r}", field=name)

    def _text(self, name: str, *, empty: bool) -> None:
        value = getattr(self, name)
        if not isinstance(value, str) or not (empty or value.strip()):
            raise ConfigError(f"{name} must be a name, but is {value!r}", field=name)
        if len(value) > MAX_NAME_CHARACTERS:
            raise ConfigError(
                f"{name} must have at most {MAX_NAME_CHARACTERS} characters, but has {len(value)}", field=name
            )
