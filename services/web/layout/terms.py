"""The words of machines, analyses and baselines for the API's codes."""

from collections.abc import Callable, Mapping
from typing import Any

from services.web.layout.findings import FILE_SENTENCES, Findings
from services.web.layout.marked import N_

MACHINE_STATUSES: Mapping[str, str] = {
    "active": N_("Active"),
    "inactive": N_("Inactive"),
    "maintenance": N_("In maintenance"),
    "retired": N_("Retired"),
}
ANALYSIS_TYPES: Mapping[str, str] = {"baseline": N_("Baseline"), "monitoring": N_("Monitoring")}
ANALYSIS_STATUSES: Mapping[str, str] = {
    "pending": N_("waiting"),
    "processing": N_("in progress"),
    "completed": N_("completed"),
    "failed": N_("failed"),
    "archived": N_("archived"),
    "deleting": N_("being deleted"),
}
STAGES: Mapping[str, str] = {
    "reading": N_("reading the files"),
    "fitting": N_("fitting the map"),
    "scoring": N_("placing the samples"),
    "storing": N_("storing the results"),
}
PERIODS: Mapping[str, str] = {
    "1d": N_("Day"),
    "7d": N_("Week"),
    "30d": N_("30 days"),
    "365d": N_("Year"),
}
SENSOR_ROLES: Mapping[str, str] = {
    "judged": N_("judged"),
    "context": N_("context"),
    "ignored": N_("ignored"),
}
COLUMN_ROLES: Mapping[str, str] = {
    "time": N_("Time"),
    "feature": N_("Feature"),
    "metadata": N_("Metadata"),
    "series": N_("Sensor names"),
    "value": N_("Values"),
}
COLUMN_KINDS: Mapping[str, str] = {
    "time": N_("times"),
    "number": N_("numbers"),
    "switch": N_("on and off"),
    "text": N_("text"),
    "empty": N_("empty"),
}
VERDICTS: Mapping[str, str] = {
    "ready": N_("Ready"),
    "usable": N_("Usable"),
    "unreliable": N_("Unreliable"),
}
FILE_FORMS: Mapping[str, str] = {"csv": N_("Text"), "excel": N_("Excel"), "parquet": N_("Parquet")}
CONFIG_FIELDS: Mapping[str, str] = {
    "decimal": N_("Decimal separator"),
    "thousands": N_("Thousands separator"),
    "delimiter": N_("Delimiter"),
    "encoding": N_("Encoding"),
    "header": N_("Line of the column names"),
    "missing_values": N_("Not measured"),
    "time_column": N_("Time column"),
    "time_format": N_("Format of times"),
    "time_zone": N_("Time zone"),
    "metadata_columns": N_("Metadata"),
    "end_meta": N_("Last metadata column"),
    "start_dim": N_("First feature"),
    "end_dim": N_("Last feature"),
    "sheet": N_("Sheet"),
}
UNITS = ((86_400, N_("{n:g} d")), (3_600, N_("{n:g} h")), (60, N_("{n:g} min")), (1, N_("{n:g} s")))


class Terms:
    def __init__(self, gettext: Callable[[str], str], decimal: str = ".") -> None:
        self._text = gettext
        self.findings = Findings(gettext, decimal)

    def finding(self, finding: Mapping[str, Any]) -> str:
        return self.findings.say(finding)

    def file_finding(self, finding: Mapping[str, Any]) -> str:
        """What is wrong with a file, or asked about it; also why its analysis failed."""
        params = dict(finding.get("params") or {})
        if "field" in params:
            params["field"] = self.config_field(str(params["field"]))
        return self.findings.say({**finding, "params": params}, FILE_SENTENCES)

    def machine_status(self, code: str) -> str:
        return self._word(MACHINE_STATUSES, code)

    def machine_statuses(self) -> list[tuple[str, str]]:
        return [(code, self._text(text)) for code, text in MACHINE_STATUSES.items()]

    def analysis_type(self, code: str) -> str:
        return self._word(ANALYSIS_TYPES, code)

    def analysis_status(self, code: str) -> str:
        return self._word(ANALYSIS_STATUSES, code)

    def analysis_types(self) -> list[tuple[str, str]]:
        return [(code, self._text(text)) for code, text in ANALYSIS_TYPES.items()]

    def analysis_statuses(self) -> list[tuple[str, str]]:
        return [(code, self._text(text)) for code, text in ANALYSIS_STATUSES.items()]

    def file_form(self, code: str) -> str:
        return self._word(FILE_FORMS, code)

    def config_field(self, code: str) -> str:
        return self._word(CONFIG_FIELDS, code)

    def stage(self, code: str) -> str:
        return self._word(STAGES, code)

    def period(self, code: str) -> str:
        return self._word(PERIODS, code)

    def sensor_role(self, code: str) -> str:
        return self._word(SENSOR_ROLES, code)

    def column_roles(self) -> list[tuple[str, str]]:
        return [(code, self._text(text)) for code, text in COLUMN_ROLES.items()]

    def column_kind(self, code: str) -> str:
        return self._word(COLUMN_KINDS, code)

    def verdict(self, code: str) -> str:
        return self._word(VERDICTS, code)

    def readiness(self, report: Mapping[str, Any] | None) -> str:
        """The verdict on a baseline and the first thing to do."""
        if not report:
            return ""
        verdict = self.verdict(str(report.get("verdict", "")))
        findings = [each for each in report.get("findings") or () if each.get("code") != "sound"]
        return f"{verdict}. {self.finding(findings[0])}" if findings else verdict

    def span(self, seconds: float) -> str:
        """A length of time in one unit, to three digits."""
        for size, text in UNITS:
            if seconds >= size:
                return self._text(text).format(n=float(f"{seconds / size:.3g}"))
        return self._text(UNITS[-1][1]).format(n=float(f"{seconds:.3g}"))

    def _word(self, known: Mapping[str, str], code: str) -> str:
        return self._text(known[code]) if code in known else code
