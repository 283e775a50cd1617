"""The condition language of alert rules: pydantic models that check a document and compile it.

A node is `{"all": [...]}`, `{"any": [...]}`, `{"not": {...}}` or a leaf `{signal, op, value, ...}`.
"""

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Literal, Never, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    PrivateAttr,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from services.alerting.rules.documents import (
    Document,
    Duration,
    Version,
    invalid,
)
from services.alerting.rules.durations import microseconds, to_timedelta
from services.alerting.rules.leaves import SeverityLabel, SignalLeaf
from services.alerting.rules.limits import exceeded, raw_nodes
from services.alerting.rules.program import Clear, Leaf, NoData, Node, Program, Trigger
from services.alerting.rules.schedule import MIDNIGHT, Mute, Schedule
from services.alerting.rules.signals import SOURCES, Severity
from shared.http.fields import NotNull

MAX_BRANCHES = 50
MAX_STEPS = 10
MAX_SAMPLES = 1000
MAX_MUTES = 20
EXAMPLE: JsonDict = {
    "version": 1,
    "when": {
        "all": [
            {"signal": "anomaly.distance_ratio", "op": "gte", "value": 1.5, "recover": 1.2},
            {
                "any": [
                    {"signal": "anomaly.fraction", "op": "gte", "value": 0.05, "window": "PT1H"},
                    {"signal": "health.state", "op": "eq", "value": "failing"},
                ]
            },
        ]
    },
    "trigger": {"mode": "m_of_n", "m": 3, "n": 10},
    "clear": {"no_recurrence_for": "PT6H", "auto_resolve": True},
    "severity": [
        {"level": "high"},
        {"level": "critical", "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 3}},
    ],
    "no_data": {"after": "P1D", "state": "alert"},
    "schedule": {"tz": "Europe/Berlin", "mute": [{"days": ["sat", "sun"]}]},
    "dedupe": {"by": ["rule", "machine"], "reopen_within": "PT1H"},
}


def _refuse_leaf(_leaf: Any) -> Never:
    raise invalid([(("signal",), f"must be one of {', '.join(SOURCES)}")])


class Leaves:
    """Collects the leaves of a condition while it is compiled."""

    def __init__(self) -> None:
        self.found: list[Leaf] = []

    def add(self, leaf: Leaf) -> Node:
        self.found.append(leaf)
        return Node("leaf", leaf=len(self.found) - 1)


class AllOf(Document):
    all: "Nodes"

    def compile(self, leaves: Leaves) -> Node:
        return Node("all", nodes=tuple(compile_node(node, leaves) for node in self.all))


class AnyOf(Document):
    any: "Nodes"

    def compile(self, leaves: Leaves) -> Node:
        return Node("any", nodes=tuple(compile_node(node, leaves) for node in self.any))


class Not(Document):
    node: "ConditionNode" = Field(alias="not")

    def compile(self, leaves: Leaves) -> Node:
        return Node("not", nodes=(compile_node(self.node, leaves),))


def compile_node(node: "AllOf | AnyOf | Not | SignalLeaf", leaves: Leaves) -> Node:
    return node.compile(leaves) if isinstance(node, AllOf | AnyOf | Not) else leaves.add(node.compile())


def _kind(node: Any) -> str | None:
    """The tag of a node. No tag is a key of the language, so error locations cannot confuse the two."""
    if not isinstance(node, dict):
        return None
    for branch, tag in (("all", "AllOf"), ("any", "AnyOf"), ("not", "Not")):
        if branch in node:
            return tag
    if "signal" not in node:
        return None
    return "Leaf" if node["signal"] in tuple(SOURCES) else "Unknown"


# A named type, so that the JSON Schema refers to it instead of repeating it.
ConditionNode = TypeAliasType(
    "ConditionNode",
    Annotated[
        Annotated[AllOf, Tag("AllOf")]
        | Annotated[AnyOf, Tag("AnyOf")]
        | Annotated[Not, Tag("Not")]
        | Annotated[SignalLeaf, Tag("Leaf")]
        | Annotated[Never, PlainValidator(_refuse_leaf), SkipJsonSchema(), Tag("Unknown")],
        Discriminator(
            _kind,
            custom_error_type="node",
            custom_error_message="must be a condition with signal, op and value, or one of all, any, not",
        ),
    ],
)
Nodes: TypeAlias = Annotated[list[ConditionNode], Field(min_length=1, max_length=MAX_BRANCHES)]


class SeverityStep(Document):
    """The severity of the alert if `when` is satisfied, or always without `when`."""

    level: SeverityLabel
    when: Annotated[ConditionNode | None, NotNull()] = None

    def compile(self, leaves: Leaves) -> tuple[Severity, Node | None]:
        return Severity.parse(self.level), compile_node(self.when, leaves) if self.when else None


class SimpleTrigger(Document):
    """The alert opens as soon as the condition is satisfied."""

    mode: Literal["simple"]

    def compile(self) -> Trigger:
        return Trigger()


class DurationTrigger(Document):
    """The alert opens once the condition has been satisfied for so long without interruption."""

    mode: Literal["duration"]
    hold: Annotated[Duration, AfterValidator(lambda hold: _positive(hold))] = Field(alias="for")

    def compile(self) -> Trigger:
        return Trigger(hold=microseconds(self.hold))


class CountTrigger(Document):
    """The alert opens if `m` of the last `n` samples satisfy the condition.

    It is `m` of the last `n` runs if the condition uses no signal of samples.
    """

    mode: Literal["m_of_n"]
    m: Annotated[int, Field(strict=True, ge=1)]
    n: Annotated[int, Field(strict=True, ge=1, le=MAX_SAMPLES)]

    @model_validator(mode="after")
    def _check_m(self) -> "CountTrigger":
        if self.m > self.n:
            raise invalid([(("m",), "must not be greater than n")])
        return self

    def compile(self) -> Trigger:
        return Trigger(self.m, self.n)


AnyTrigger: TypeAlias = Annotated[SimpleTrigger | DurationTrigger | CountTrigger, Discriminator("mode")]


class ClearDocument(Document):
    """The alert is recovering while its condition is not satisfied, and resolved after some time of that.

    Without `auto_resolve`, people resolve it. The same time passes before its severity falls.
    """

    no_recurrence_for: Duration = "PT0S"
    auto_resolve: bool = True


class NoDataDocument(Document):
    """What happens if no sample has come for some time.

    `alert` raises the alert, until data come again; `resolve` resolves an open one; `keep` only keeps an open
    alert from clearing. `grace` is added once after the rule was created or changed.
    """

    after: Annotated[Duration, AfterValidator(lambda after: _positive(after))]
    grace: Duration = "PT0S"
    state: Literal["alert", "resolve", "keep"] = "alert"


def _positive(duration: str) -> str:
    if not microseconds(duration):
        raise PydanticCustomError("duration", "must be longer than PT0S")
    return duration


Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ALL_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LocalTime: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]


class MuteDocument(Document):
    """From `from` until before `to` on these days, local time; past midnight if `to` is not after `from`."""

    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)] = ALL_DAYS
    start: LocalTime = Field(default="00:00", alias="from")
    end: LocalTime = Field(default="24:00", alias="to")

    def compile(self) -> Mute:
        return Mute(frozenset(ALL_DAYS.index(day) for day in self.days), _time(self.start), _time(self.end))


def _time(text: str) -> time:
    return MIDNIGHT if text == "24:00" else time.fromisoformat(text)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError("zone", "must be a time zone such as Europe/Berlin or UTC") from None
    return name


class ScheduleDocument(Document):
    """When the alert pages nobody. If it is still open at the end of such a time, people are told then."""

    tz: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_known_zone)]
    mute: Annotated[tuple[MuteDocument, ...], Field(min_length=1, max_length=MAX_MUTES)]

    def compile(self) -> Schedule:
        return Schedule(ZoneInfo(self.tz), tuple(mute.compile() for mute in self.mute))


def _check_keys(by: Any) -> Any:
    # A rule has one machine, so the key of the rule already separates machines.
    if isinstance(by, list) and "rule" in by and all(key in ("rule", "machine") for key in by):
        return by
    raise PydanticCustomError("dedupe", 'must be ["rule", "machine"]: a rule has one machine and one alert')


class Dedupe(Document):
    """Which findings share an alert. An alert that was resolved within `reopen_within` reopens."""

    by: Annotated[tuple[Literal["rule", "machine"], ...], BeforeValidator(_check_keys)] = ("rule", "machine")
    reopen_within: Annotated[Duration | None, NotNull()] = None


class ConditionDocument(Document):
    """When a rule fires. Signals of other messages count with their newest value.

    Time is that of the samples. Samples that are older than `late_after` when they arrive are recorded, and
    page nobody; with null, none is too old.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    version: Version
    when: ConditionNode
    trigger: Annotated[AnyTrigger | None, NotNull()] = None
    clear: Annotated[ClearDocument | None, NotNull()] = None
    severity: list[SeverityStep] = Field(default_factory=list, min_length=1, max_length=MAX_STEPS)
    no_data: Annotated[NoDataDocument | None, NotNull()] = None
    schedule: Annotated[ScheduleDocument | None, NotNull()] = None
    late_after: Duration | None = "P1D"
    dedupe: Dedupe = Field(default_factory=Dedupe)

    _sent: Mapping[str, Any] = PrivateAttr()

    @model_validator(mode="wrap")
    @classmethod
    def _check_whole(
        cls, value: Any, handler: ModelWrapValidatorHandler["ConditionDocument"]
    ) -> "ConditionDocument":
        if problems := exceeded(raw_nodes(value)):
            raise invalid(problems)
        document = handler(value)
        document._sent = value
        return document

    @property
    def as_sent(self) -> Mapping[str, Any]:
        """The document as its author wrote it, to be stored and returned."""
        return self._sent

    def compile(self) -> Program:
        leaves = Leaves()
        when = compile_node(self.when, leaves)
        steps = tuple(step.compile(leaves) for step in self.severity)
        clear, no_data, reopen_within = self.clear, self.no_data, self.dedupe.reopen_within
        return Program(
            leaves=tuple(leaves.found),
            when=when,
            steps=steps,
            trigger=self.trigger.compile() if self.trigger else Trigger(),
            clear=Clear(microseconds(clear.no_recurrence_for), clear.auto_resolve) if clear else None,
            no_data=NoData(microseconds(no_data.after), microseconds(no_data.grace), no_data.state)
            if no_data
            else None,
            schedule=self.schedule.compile() if self.schedule else None,
            reopen_within=to_timedelta(reopen_within) if reopen_within else None,
            late_after=microseconds(self.late_after) if self.late_after else None,
        )


def compile_condition(document: Mapping[str, Any]) -> Program:
    """Compile a stored document."""
    return ConditionDocument.model_validate(document).compile()


def schedule_of(document: Mapping[str, Any]) -> Schedule | None:
    """When a rule with this stored document pages nobody."""
    found = document.get("schedule")
    return ScheduleDocument.model_validate(found).compile() if found else None
