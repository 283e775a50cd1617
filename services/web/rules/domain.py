"""Says a rule's condition as a sentence, and makes a rule of a completed one."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.web.layout.marked import N_
from shared.errors import Unprocessable

Gettext = Callable[[str], str]
Json = Mapping[str, Any]

SIGNALS: Mapping[str, str] = {
    "anomaly.distance": N_("the distance"),
    "anomaly.distance_ratio": N_("the distance divided by its threshold"),
    "anomaly.severity": N_("the severity of an anomaly"),
    "anomaly.fraction": N_("the share of anomalies in a run"),
    "anomaly.count": N_("the number of anomalies in a run"),
    "feature.contribution": N_("the share of {feature} in an anomaly"),
    "wear.distance": N_("the wear"),
    "wear.slope": N_("the trend of the wear"),
    "health.state": N_("the health"),
    "analysis.failed": N_("an analysis failed"),
    "data.age": N_("the age of the last data"),
    "quality.missing": N_("the share of missing values"),
}
OPERATORS: Mapping[str, str] = {
    "gt": N_("is above"),
    "gte": N_("is at least"),
    "lt": N_("is below"),
    "lte": N_("is at most"),
    "eq": N_("is"),
    "ne": N_("is not"),
    "in": N_("is one of"),
    "within": N_("is between"),
    "outside": N_("is outside"),
}
# A sentence with more levels than this nobody reads; the condition's JSON is on the rule's page.
MAX_DEPTH = 4


def sentence(condition: Json, gettext: Gettext) -> str:
    """The condition in the visitor's language. What is not known here stays as the API writes it."""
    text = _node(condition.get("when") or {}, gettext, 0)
    match condition.get("trigger") or {}:
        case {"mode": "duration", "for": length}:
            text += " " + gettext("for {length}").format(length=length)
        case {"mode": "m_of_n", "m": m, "n": n}:
            text += " " + gettext("in {m} of {n} samples").format(m=m, n=n)
    return text


def _node(node: Json, gettext: Gettext, depth: int) -> str:
    if depth > MAX_DEPTH:
        return "…"
    match node:
        case {"all": [*parts]}:
            return _joined(parts, gettext("and"), gettext, depth)
        case {"any": [*parts]}:
            return _joined(parts, gettext("or"), gettext, depth)
        case {"not": dict(inner)}:
            return gettext("not ({condition})").format(condition=_node(inner, gettext, depth + 1))
    return _leaf(node, gettext)


def _joined(parts: Sequence[Json], word: str, gettext: Gettext, depth: int) -> str:
    texts = [_node(part, gettext, depth + 1) for part in parts]
    text = f" {word} ".join(texts)
    return f"({text})" if depth and len(texts) > 1 else text


def _leaf(leaf: Json, gettext: Gettext) -> str:
    signal, op, value = str(leaf.get("signal", "")), str(leaf.get("op", "")), leaf.get("value")
    name = gettext(SIGNALS[signal]).format(feature=leaf.get("feature", "")) if signal in SIGNALS else signal
    if signal == "analysis.failed":
        return name
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{name} {gettext(OPERATORS[op]) if op in OPERATORS else op} {shown}"


class BadCondition(Unprocessable):
    def __init__(self, line: int, column: int) -> None:
        super().__init__(f"The condition is not valid JSON, at line {line}, column {column}.")


def document(text: str) -> Any:
    """Raises BadCondition."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadCondition(error.lineno, error.colno) from error
    except RecursionError as error:
        raise BadCondition(1, 1) from error


def new_rule_of(fields: Mapping[str, str]) -> Json:
    """The body of `POST /alert-rules`. Written JSON counts before the sentence. Raises BadCondition."""
    written = fields.get("condition", "").strip()
    return {
        "machine_id": fields.get("machine_id", ""),
        "name": fields.get("name", ""),
        "severity": fields.get("severity", ""),
        "condition": document(written) if written else {"version": 1, "when": _leaf_of(fields)},
        "actions": {"version": 1, "steps": [{"to": [fields["tell"]]}] if fields.get("tell") else []},
    }


def _leaf_of(fields: Mapping[str, str]) -> Json:
    signal, value = fields.get("signal", ""), fields.get("value", "")
    if signal == "health.state":
        return {"signal": signal, "op": "eq", "value": fields.get("state", "")}
    try:
        number: float | str = float(value.replace(",", "."))
    except ValueError:
        # The API says what is wrong with it.
        number = value
    return {"signal": signal, "op": "gte", "value": number}
