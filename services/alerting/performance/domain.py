"""How good rules are: how often they are right, which of them chatter, and which spend the budget."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from math import sqrt
from uuid import UUID

from services.alerting.rules.signals import Severity

# Of the normal distribution, for an interval that holds the true value in 95 of 100 cases.
Z_95 = 1.959964
# An alert chatters if it comes back this often, each time within an hour of its end.
MIN_REPEATS_OF_CHATTER = 3


@dataclass(frozen=True, slots=True)
class Interval:
    """A share and the bounds that hold the true one in 95 of 100 cases."""

    value: float
    low: float
    high: float


def wilson(successes: int, trials: int) -> Interval | None:
    """The share of successes with its score interval, which suits few trials, too; None without any.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if trials == 0:
        return None
    share, z2 = successes / trials, Z_95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


@dataclass(frozen=True, slots=True)
class RulePerformance:
    """What a rule did in a period. `repeats`: alerts that came back within an hour of their end."""

    rule_id: UUID
    rule_name: str
    machine_id: UUID
    is_active: bool
    created_at: datetime
    raised: int
    repeats: int
    true_alarms: int
    false_alarms: int
    maintenance: int
    unknown: int
    open: int
    last_raised_at: datetime | None

    @property
    def precision(self) -> Interval | None:
        """The share of true alarms among those that were judged true or false."""
        return wilson(self.true_alarms, self.true_alarms + self.false_alarms)

    @property
    def chatters(self) -> bool:
        return self.repeats >= MIN_REPEATS_OF_CHATTER


@dataclass(frozen=True, slots=True)
class PerformanceFilter:
    since: datetime
    until: datetime
    machine_id: UUID | None = None
    never_fired: bool | None = None
    chatters: bool | None = None


@dataclass(frozen=True, slots=True)
class AlertBudget:
    """At most `max_alerts` of `min_severity` or higher per night, from `starts_at` to `ends_at` there.

    Both are times of the wall clock in `time_zone`.

    A night that ends at the time at which it starts is a whole day.
    """

    max_alerts: int
    starts_at: time
    ends_at: time
    time_zone: str
    min_severity: Severity

    @property
    def severities(self) -> list[str]:
        return [severity.label for severity in Severity if severity >= self.min_severity]


@dataclass(frozen=True, slots=True)
class NightlyCalls:
    """The alerts of one rule that count in the night that starts on a day."""

    night: date
    rule_id: UUID
    rule_name: str
    alerts: int


@dataclass(frozen=True, slots=True)
class Spending:
    rule_id: UUID
    rule_name: str
    alerts: int
    share: float


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """`nights` with alerts, by their first day; `over` lists those over the budget."""

    budget: AlertBudget
    nights: Mapping[date, int]
    over: Sequence[date]
    rules: Sequence[Spending]


def report(budget: AlertBudget, calls: Sequence[NightlyCalls]) -> BudgetReport:
    nights: Counter[date] = Counter()
    spent: defaultdict[UUID, int] = defaultdict(int)
    names: dict[UUID, str] = {}
    for call in calls:
        nights[call.night] += call.alerts
        spent[call.rule_id] += call.alerts
        names[call.rule_id] = call.rule_name
    total = nights.total()
    rules = [Spending(rule, names[rule], count, count / total) for rule, count in spent.items()]
    return BudgetReport(
        budget,
        dict(sorted(nights.items())),
        [night for night, count in sorted(nights.items()) if count > budget.max_alerts],
        sorted(rules, key=lambda rule: (-rule.alerts, rule.rule_name, rule.rule_id)),
    )
