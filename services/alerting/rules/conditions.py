"""The condition language of alert rules: pydantic models that check a document and compile it.

A node is `{"all": [...]}`, `{"any": [...]}`, `{"not": {...}}` or a leaf `{signal, op, value, feature?}`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Never, TypeAlias

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    PrivateAttr,
    Tag,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from services.alerting.rules.compiled import Condition, Predicate
from services.alerting.rules.documents import (
    Document,
    Duration,
    NotEvaluated,
    Version,
    invalid,
)
from services.alerting.rules.durations import to_timedelta
from services.alerting.rules.leaves import SeverityLabel, SignalLeaf
from services.alerting.rules.limits import exceeded, mixed_sources, raw_nodes
from services.alerting.rules.signals import SOURCES, Observation, Severity, Source
from shared.http.fields import NotNull

MAX_BRANCHES = 50
MAX_STEPS = 10
EXAMPLE: JsonDict = {
    "version": 1,
    "when": {
        "any": [
            {"signal": "anomaly.distance_ratio", "op": "gte", "value": 1.5},
            {"signal": "anomaly.severity", "op": "gte", "value": "high"},
        ]
    },
    "severity": [
        {"level": "high"},
        {"level": "critical", "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 3}},
    ],
    "dedupe": {"by": ["rule", "machine"], "reopen_within": "PT1H"},
}

LATER_SIGNALS = ("wear.distance", "wear.slope", "data.age")
LATER_TRIGGERS = ("duration", "m_of_n")


def _refuse_leaf(leaf: Any) -> Never:
    signals = ", ".join(SOURCES)
    if leaf["signal"] in LATER_SIGNALS:
        raise invalid([(("signal",), f"{leaf['signal']} is not evaluated yet: use {signals}")])
    raise invalid([(("signal",), f"must be one of {signals}")])


class AllOf(Document):
    all: "Nodes"

    @property
    def source(self) -> Source:
        return self.all[0].source

    def compile(self) -> Predicate:
        nodes = [node.compile() for node in self.all]
        return lambda observation: all(holds(observation) for holds in nodes)


class AnyOf(Document):
    any: "Nodes"

    @property
    def source(self) -> Source:
        return self.any[0].source

    def compile(self) -> Predicate:
        nodes = [node.compile() for node in self.any]
        return lambda observation: any(holds(observation) for holds in nodes)


class Not(Document):
    node: "ConditionNode" = Field(alias="not")

    @property
    def source(self) -> Source:
        return self.node.source

    def compile(self) -> Predicate:
        holds = self.node.compile()
        return lambda observation: not holds(observation)


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

    def compile(self) -> tuple[Severity, Predicate]:
        return Severity.parse(self.level), self.when.compile() if self.when else _always


def _always(_observation: Observation) -> bool:
    return True


def _refuse_trigger(trigger: Any) -> Never:
    raise invalid([(("mode",), f"{trigger['mode']} is not evaluated yet: use simple")])


class Trigger(Document):
    """When the alert opens: `simple`, as soon as the condition is satisfied."""

    mode: Literal["simple"]


def _mode(trigger: Any) -> str:
    return "Later" if isinstance(trigger, dict) and trigger.get("mode") in LATER_TRIGGERS else "Now"


AnyTrigger: TypeAlias = Annotated[
    Annotated[Trigger, Tag("Now")]
    | Annotated[Never, PlainValidator(_refuse_trigger), SkipJsonSchema(), Tag("Later")],
    Discriminator(_mode),
]


def _check_keys(by: Any) -> Any:
    # A rule has one machine, so the key of the rule already separates machines.
    if isinstance(by, list) and "rule" in by and all(key in ("rule", "machine") for key in by):
        return by
    raise PydanticCustomError("dedupe", 'must be ["rule", "machine"]: nothing else is evaluated yet')


class Dedupe(Document):
    """Which findings share an alert. An alert that was resolved within `reopen_within` reopens."""

    by: Annotated[tuple[Literal["rule", "machine"], ...], BeforeValidator(_check_keys)] = ("rule", "machine")
    reopen_within: Annotated[Duration | None, NotNull()] = None


class ConditionDocument(Document):
    """When a rule fires. All signals of one condition must arrive with the same message."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    version: Version
    when: ConditionNode
    trigger: Annotated[AnyTrigger | None, NotNull()] = None
    severity: list[SeverityStep] = Field(default_factory=list, min_length=1, max_length=MAX_STEPS)
    dedupe: Dedupe = Field(default_factory=Dedupe)
    clear: NotEvaluated = None
    no_data: NotEvaluated = None
    schedule: NotEvaluated = None

    _sent: Mapping[str, Any] = PrivateAttr()

    @model_validator(mode="wrap")
    @classmethod
    def _check_whole(
        cls, value: Any, handler: ModelWrapValidatorHandler["ConditionDocument"]
    ) -> "ConditionDocument":
        nodes = raw_nodes(value)
        if problems := exceeded(nodes):
            raise invalid(problems)
        document = handler(value)
        if problems := mixed_sources(nodes):
            raise invalid(problems)
        document._sent = value
        return document

    @property
    def as_sent(self) -> Mapping[str, Any]:
        """The document as its author wrote it, to be stored and returned."""
        return self._sent

    def compile(self) -> Condition:
        reopen_within = self.dedupe.reopen_within
        return Condition(
            source=self.when.source,
            when=self.when.compile(),
            severity=tuple(step.compile() for step in self.severity),
            reopen_within=to_timedelta(reopen_within) if reopen_within else None,
        )


def compile_condition(document: Mapping[str, Any]) -> Condition:
    """Compile a stored document."""
    return ConditionDocument.model_validate(document).compile()
