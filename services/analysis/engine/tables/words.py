"""Words that stand where a number is expected: missing values of programs and historians, and switches."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as compute

MISSING_WORDS = frozenset(
    word.casefold()
    for word in (
        *(
            "",
            "nan",
            "null",
            "none",
            "nil",
            "na",
            "n/a",
            "n.a.",
            "n.a",
            "<na>",
            "nat",
            "missing",
            "-",
            "--",
            "---",
        ),
        *(".", "..", "...", "?", "*", "**", "***", "****", "inf", "+inf", "-inf", "infinity", "+infinity"),
        *("-infinity", "1.#inf", "-1.#inf", "1.#qnan", "-1.#ind", "1.#ind", "+nan", "-nan", "(null)", "\\n"),
        # Excel's errors; #NV and the other German ones are how it writes them in that language.
        *(
            "#n/a",
            "#n/a n/a",
            "#na",
            "#nv",
            "#value!",
            "#wert!",
            "#ref!",
            "#bezug!",
            "#div/0!",
            "#num!",
            "#zahl!",
        ),
        *("#name?", "#null!", "#calc!", "#spill!", "#getting_data", "#error", "####", "########"),
        # OSIsoft PI's digital states for values that are none, as its tools export them, and those of other
        # historians and of OPC (https://reference.opcfoundation.org, quality of a value).
        *(
            "bad",
            "bad data",
            "bad input",
            "bad value",
            "bad quality",
            "bad_quality",
            "bad total",
            "badquality",
        ),
        *("questionable", "doubtful", "uncertain", "substituted", "invalid", "invalid data", "invalid float"),
        *("i/o timeout", "io timeout", "i/o-timeout", "scan timeout", "timeout", "calc timeout", "scan off"),
        *(
            "inp outrange",
            "input outrange",
            "out of range",
            "outrange",
            "over range",
            "under range",
            "overrange",
        ),
        *(
            "underrange",
            "over_range",
            "under_range",
            "ovrange",
            "unrange",
            "over",
            "under",
            "overflow",
            "underflow",
        ),
        *("out of serv", "out of service", "not connect", "not connected", "notconnected", "no connection"),
        *("disconnected", "comm fail", "comm failure", "comm_fail", "comm loss", "comm error", "commfail"),
        *("no data", "nodata", "no result", "no sample", "no_sample", "no value", "no input", "no good data"),
        *(
            "no alarm",
            "not available",
            "not_available",
            "unavailable",
            "calc failed",
            "calc fail",
            "calc off",
        ),
        *(
            "configure",
            "config error",
            "configuration error",
            "pt created",
            "pt_created",
            "shutdown",
            "intf shut",
        ),
        *("arc off-line", "arc offline", "arch offline", "archive offline", "arc offln", "access denied"),
        *(
            "equip fail",
            "device fail",
            "device failure",
            "sensor fail",
            "sensor failure",
            "last known",
            "dcs failed",
        ),
        *("failed", "failure", "fail", "error", "err", "err.", "fault", "faulted", "broken", "open circuit"),
        *("open loop", "short circuit", "undefined", "unknown", "undef", "offline", "off-line", "off line"),
        *(
            "coercion failed",
            "tag not found",
            "pt not found",
            "no_data",
            "no_result",
            "ptype unsup",
            "filtered",
        ),
        *(
            "snapfix",
            "starterkit",
            "no lab data",
            "trace",
            "manual",
            "bad_input",
            "inp_outrange",
            "io_timeout",
        ),
        *(
            "scan_timeout",
            "not good",
            "not_good",
            "ol",
            "+ol",
            "-ol",
            "ovld",
            "+over",
            "-over",
            "ovfl",
            "+ovld",
        ),
        *("-ovld", "ovrflw", "undrflw", "under load", "over load", "overload", "sensor error", "read error"),
        *(
            "waiting for initial data",
            "not a number",
            "n/d",
            "nd",
            "n.d.",
            "not measured",
            "no reading",
            "blank",
        ),
        *("keine daten", "ungültig", "fehler", "störung", "nicht verfügbar", "pas de données", "sin datos"),
    )
)
"""Casefolded. None of them can be a number or a switch, and no name of a state of a machine (run, stop)."""

STATUS = re.compile(r"(bad|uncertain)\b[ _:\[(,-].*", re.ASCII)
"""OPC's qualities with a reason: `Bad [Not Connected]`, `Uncertain, Last Usable Value`."""

SWITCHES = {
    word: value
    for value, words in ((1.0, "on true yes ein wahr ja"), (0.0, "off false no aus falsch nein"))
    for word in words.split()
}
"""Casefolded words of two-valued signals."""


class Words:
    """The words that mean "not measured" in one file: the known ones and those that the configuration
    lists."""

    def __init__(self, configured: Sequence[str] = ()) -> None:
        self._configured = frozenset(word.strip().casefold() for word in configured)
        self.numbers = tuple(
            sorted({value for word in configured if (value := plain(word.replace(",", "."))) is not None})
        )
        self.is_missing = lru_cache(4096)(self._is_missing)

    def _is_missing(self, cell: str) -> bool:
        word = " ".join(cell.split()).casefold()
        if word in self._configured:
            return True
        if word in SWITCHES:
            return False
        return word in MISSING_WORDS or bool(STATUS.fullmatch(word))

    def switch(self, cell: str) -> float | None:
        """Return 1 or 0 for ON and OFF and their like, unless the configuration says that they are
        missing."""
        return None if self._is_missing(cell) else SWITCHES.get(cell.strip().casefold())


TOTALS = frozenset(
    (
        *("total", "totals", "grand total", "subtotal", "sum", "sums", "average", "avg", "mean", "median"),
        *("std", "stdev", "std dev", "std. dev", "standard deviation", "variance"),
        *(
            "summe",
            "summen",
            "gesamt",
            "gesamtsumme",
            "zwischensumme",
            "mittel",
            "mittelwert",
            "durchschnitt",
        ),
        *("stabw", "stdabw", "standardabweichung", "varianz", "ø", "∑", "somme", "moyenne", "écart type"),
        *("somma", "totale", "suma", "promedio", "soma", "totaal", "som", "gemiddelde", "średnia", "razem"),
    )
)
"""What rows of totals begin with. No sample is called so."""

PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def plain(text: str) -> float | None:
    """Return a number in plain notation with a decimal point, padded or not; otherwise None."""
    text = text.strip(" \t")
    return float(text) if PLAIN.fullmatch(text) else None


def counted(cells: pa.Array) -> Counter[str]:
    """Return how often each text occurs among cells."""
    return Counter({item["values"]: item["counts"] for item in compute.value_counts(cells).to_pylist()})
