"""What a cell looks like, whatever the file's decimal separator is: for finding delimiters and headers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from .words import SWITCHES, Words

SPACES = " \u00a0\u2009\u202f"
"""Spaces between groups of three digits: plain, no-break, thin, narrow no-break."""

APOSTROPHES = "'\u2019"

FORTRAN = r"[dD][+-]\d{2,3}"
"""The exponent of double precision as Fortran writes it: 0.25D+03."""

NUMBER = re.compile(
    rf"[+\-\u2212]?(?:\d+|\d{{1,3}}(?:[.,{SPACES}{APOSTROPHES}]\d{{3}})+)?(?:[.,]\d*)?(?:[eE][+-]?\d+)?"
    rf"|[+\-\u2212]?\d*[.,]\d+{FORTRAN}",
    re.ASCII,
)
TIME = re.compile(
    r"\d{4}-\d\d?-\d\d?.*|.*\d\d?:\d\d.*|\d{1,4}([./ -])\d{1,2}\1\d{1,4}\b.*"
    r"|\d{1,2}[-. ][A-Za-z]{3,9}[-. ]\d{2,4}.*"
    r"|\d{4}(\.\d\d){3,5}|[A-Za-z]{3,9} \d{1,2},? \d{4}.*",
    re.ASCII,
)
"""Dates and times of every usual order. Whether and how they are read is decided elsewhere."""

NO_TIME = frozenset(";|\t")
"""What no time contains: a row that a wrong delimiter leaves whole would else be one."""

MAX_TIME_CHARACTERS = 40

WORDS = Words()


@lru_cache(8192)
def kind_of(cell: str) -> str:
    """Return `missing`, `number`, `switch`, `time` or `text`."""
    text = cell.strip()
    if WORDS.is_missing(text):
        return "missing"
    if text.casefold() in SWITCHES:
        return "switch"
    if NUMBER.fullmatch(text) and any(character.isdigit() for character in text):
        return "number"
    if len(text) <= MAX_TIME_CHARACTERS and NO_TIME.isdisjoint(text) and TIME.fullmatch(text):
        return "time"
    return "text"


def column_kind(cells: Sequence[str]) -> str:
    """Return the kind of a column: `number`, `time`, `switch`, `text`, or `empty` if no cell has a value.

    A column of numbers may hold words that nobody knows (a historian's), as long as most of it are numbers.
    """
    counts = Counter(kind_of(cell) for cell in cells)
    values = sum(counts.values()) - counts["missing"]
    if not values:
        return "empty"
    for kind in ("number", "time", "switch"):
        if counts[kind] * 2 > values:
            return kind
    return "text"


UNITS_OF_LOGGERS = """
    °C °F K degC degF deg_C deg_F Deg C Celsius Fahrenheit % %RH RH pct percent bar mbar barg bara hPa kPa
    MPa Pa psi psig psia mmHg inHg inH2O mmH2O Torr atm V mV µV uV kV Volts Volt A mA µA uA kA Amps Ampere W
    mW kW MW GW kWh MWh Wh VA kVA MVA var kvar Mvar Hz kHz MHz GHz rpm 1/min min-1 min^-1 U/min r/min rad/s
    deg/s m/s km/h mph mm/s in/s ips m/s2 m/s^2 m/s² g mg µg kg t lb lbs mm cm m km µm um nm in ft mil mils
    N kN Nm kNm J kJ MJ GJ s sec ms µs us ns min h hr hrs d l L ml l/min L/min l/h l/s lpm gpm m3 m³ m3/h
    m³/h Nm3/h m3/s m³/s kg/h kg/s g/s t/h kg/m3 kg/m³ ppm ppb mg/l mg/m3 µS/cm mS/cm pH NTU dB dBA dB(A)
    lux lx W/m2 W/m² W/m^2 deg ° degrees Degree rad - -- 1 none n/a unitless count counts pcs TS RN UTC
    datetime timestamp Ohm Ω kΩ ohm Smp Avg Min Max Tot Std WVc ETo Med
"""
"""Units, and what a logger did (Avg, Smp)."""

UNITS = frozenset(UNITS_OF_LOGGERS.casefold().split())
BRACKETED = re.compile(r"[\[(<{].*[\])>}]")


def looks_like_units(cells: Sequence[str]) -> bool:
    """Tell whether a row between header and data holds units (or what a logger did: Avg, Smp)."""
    # A dash can stand for no unit, but also for a missing value.
    filled = [cell.strip() for cell in cells if kind_of(cell) != "missing"]
    hits = [cell for cell in filled if cell.casefold() in UNITS or BRACKETED.fullmatch(cell)]
    # What has no dimension has the unit 1, but a row of ones is more likely a sample.
    return any(cell != "1" for cell in hits) and len(hits) * 5 >= len(filled) * 3
