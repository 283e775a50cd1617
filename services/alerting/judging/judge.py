"""Runs the jobs that judge a machine: one at a time per machine, fair between organizations.

Rules are read without a lock and judged outside of any transaction, so nobody who changes a rule or an alert
waits for that. What follows is written in short transactions, each of some rules with their memory.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import orjson
from opentelemetry import metrics

from services.alerting.alerts import changes
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.database.unit import Unit
from services.alerting.judging.assessment import Assessed, Pass, Watched, assess
from services.alerting.judging.core import Judged
from services.alerting.judging.state import State, Transition, TransitionKind
from services.alerting.rules.compiled import ProgramCache
from services.alerting.rules.domain import Rule
from services.alerting.rules.program import Program
from services.alerting.series.domain import MICROSECOND, Record
from services.alerting.series.service import JUDGE_JOB, QUEUE
from services.alerting.timer.kinds import JUDGEMENT
from shared.access import Scope
from shared.clock import Clock
from shared.jobs.queue import Job, Lease, Queue
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker

Units: TypeAlias = Callable[[Scope], AbstractAsyncContextManager[Unit]]
LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 10.0
CONCURRENCY = 4
# The storm of one organization leaves places for the others.
PER_ORGANIZATION = 2
RETRY = RetryPolicy(
    max_attempts=2**31, first_delay=timedelta(seconds=1), max_delay=timedelta(minutes=5), factor=4.0
)
# 20,000 samples or so: a pass of a thousand rules on them takes less than a second.
MAX_RECORDS = 40
# What windows look back on: about a million samples.
MAX_RECORDS_BEFORE = 2000
# Rules whose alerts change in one transaction; who changes one of them waits for no more.
RULES_PER_TRANSACTION = 20
# How soon a machine is looked at again that is not judged.
PAUSED = timedelta(hours=1)
# A clock that is a little behind must not make a timer fire again and again.
MIN_PAUSE = timedelta(seconds=1)
ACTIVE = "active"
KINDS = {
    TransitionKind.PENDING: changes.TransitionKind.PENDING,
    TransitionKind.WITHDRAWN: changes.TransitionKind.CLEAR,
    TransitionKind.RAISED: changes.TransitionKind.RAISE,
    TransitionKind.FOUND: changes.TransitionKind.RAISE,
    TransitionKind.RECOVERING: changes.TransitionKind.RECOVER,
    TransitionKind.CLEARED: changes.TransitionKind.CLEAR,
    TransitionKind.UNMUTED: changes.TransitionKind.TELL,
}


@dataclass(frozen=True, slots=True)
class _Work:
    machine_name: str
    rules: Sequence[Watched]
    versions: Mapping[UUID, int]
    facts: Pass
    number: int


class _RulesChanged(Exception):
    """Rules were changed during the pass: nothing of its end is kept, and the next pass judges them, too."""


class Judge:
    def __init__(self, units: Units, lifecycle: AlertLifecycle, programs: ProgramCache, clock: Clock) -> None:
        self._units = units
        self._lifecycle = lifecycle
        self._programs = programs
        self._clock = clock
        self._duration = metrics.get_meter("dinsight.alerting").create_histogram(
            "dinsight_rule_evaluation_duration",
            "s",
            "Time to judge what has come of a machine by all of its rules",
        )

    async def run(self, job: Job, lease: Lease) -> None:
        started = time.perf_counter()
        work = await self._read(job)
        assessed, due_at = await lease.compute(assess, work.rules, work.facts)
        busy = [each for each in assessed if each.transitions]
        changed = False
        for first in range(0, len(busy), RULES_PER_TRANSACTION):
            changed |= await self._apply(job, work, busy[first : first + RULES_PER_TRANSACTION])
        await self._finish(job, work, [each for each in assessed if not each.transitions], due_at, changed)
        self._duration.record(time.perf_counter() - started)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(_scope(job)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        """Unused: judging is retried for good, since what fails now may work after the next release."""
        raise AssertionError(f"judging {job.subject_id} was given up") from error

    async def _read(self, job: Job) -> _Work:
        machine_id, now = job.subject_id, self._clock.now()
        async with self._units(_scope(job)) as unit:
            machine = await unit.replicas.machine(machine_id)
            number = await unit.series.judged_number(machine_id)
            records = await unit.series.after(machine_id, number, MAX_RECORDS)
            memories = await unit.series.memories(machine_id)
            rules, watched = [], await unit.rules.watching(machine_id)
            for watching in watched:
                rule, memory = watching.rule, memories.get(watching.rule.id)
                program = self._programs.of(rule)
                if memory is None:
                    continue
                state = _state_of(rule, memory.state, number)
                rules.append(Watched(rule, judged_of(rule, program), state, memory.phase))
            window = max((each.judged.program.window for each in rules), default=0)
            before: Sequence[Record] = ()
            if window and records:
                since = min(record.first_at for record in records) - window * MICROSECOND
                until = max(record.last_at for record in records)
                before = await unit.series.between(machine_id, number, since, until, MAX_RECORDS_BEFORE)
        facts = Pass(
            records,
            before,
            now,
            caught_up=len(records) < MAX_RECORDS,
            active=machine is not None and machine.status == ACTIVE and not machine.deleted,
        )
        newest = records[-1].number if records else number
        versions = {each.rule.id: each.rule.version for each in watched}
        return _Work(machine.name if machine else "", rules, versions, facts, newest)

    async def _apply(self, job: Job, work: _Work, some: Sequence[Assessed]) -> bool:
        """Apply what some rules say. True if any was changed meanwhile, and must be judged once more."""
        async with self._units(_scope(job)) as unit:
            await unit.jobs.hold(job)
            rules = await unit.rules.lock_all([each.watched.rule.id for each in some])
            current = {rule.id: rule for rule in rules if rule.is_active}
            kept = []
            for each in some:
                rule = current.get(each.watched.rule.id)
                if rule is None or rule.version != each.state.version:
                    continue
                kept.append((rule.id, each.state))
                program = each.watched.judged.program
                await self._lifecycle.apply(
                    unit,
                    [
                        applied
                        for transition in each.transitions
                        for applied in _applied(rule, program, work.machine_name, transition)
                    ],
                )
            await unit.series.remember(kept)
            return len(kept) < len([each for each in some if each.watched.rule.id in current])

    async def _finish(
        self, job: Job, work: _Work, rest: Sequence[Assessed], due_at: datetime | None, changed: bool
    ) -> None:
        """Remember what was judged, and when to judge next, unless there is more to judge now."""
        if work.rules and not work.facts.active:
            due_at = work.facts.now + PAUSED
        try:
            async with self._units(_scope(job)) as unit:
                await unit.series.remember([(each.watched.rule.id, each.state) for each in rest])
                if changed or await unit.series.finish_judging(job.subject_id, work.number):
                    await unit.jobs.retry(job, timedelta(), counted=False)
                    return
                await self._set_timer(unit, job.subject_id, due_at)
                # After the timer: whoever changes a rule sets it, too, and that may just have been undone.
                watching = await unit.rules.watching(job.subject_id)
                if {each.rule.id: each.rule.version for each in watching} != work.versions:
                    raise _RulesChanged
                await unit.jobs.complete(job)
        except _RulesChanged:
            async with self._units(_scope(job)) as unit:
                await unit.jobs.retry(job, timedelta(), counted=False)

    async def _set_timer(self, unit: Unit, machine_id: UUID, due_at: datetime | None) -> None:
        if due_at is not None:
            soonest = self._clock.now() + MIN_PAUSE
            await unit.timers.schedule(JUDGEMENT, machine_id, max(due_at, soonest))
        else:
            await unit.timers.cancel(JUDGEMENT, machine_id)


def _state_of(rule: Rule, known: State | None, number: int) -> State:
    """What is remembered; nothing if the condition was changed or the rule was off meanwhile."""
    judges = digest(rule)
    if known is None or known.judges != judges or known.number < number:
        return State(rule.version, judges, number)
    return replace(known, version=rule.version)


def digest(rule: Rule) -> str:
    """Differs between rules that judge differently."""
    content = orjson.dumps([rule.condition, rule.severity], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()[:16]


def judging_worker(queue: Queue, judge: Judge) -> Worker:
    pace = Pace(LEASE, HEARTBEAT_SECONDS, per_organization=PER_ORGANIZATION)
    return Worker(queue, QUEUE, {JUDGE_JOB: judge}, [Lane(CONCURRENCY)], pace, RETRY)


def judged_of(rule: Rule, program: Program) -> Judged:
    return Judged(rule.machine_id, program, rule.severity, rule.updated_at)


def _applied(
    rule: Rule, program: Program, machine_name: str, transition: Transition
) -> Sequence[changes.Transition]:
    severity = transition.severity or rule.severity
    applied = changes.Transition(
        KINDS[transition.kind],
        rule,
        machine_name,
        transition.last_at or transition.at,
        severity,
        transition.finding,
        count=transition.count,
        first_at=transition.first_at,
        reason=transition.reason,
        quiet=transition.quiet is not None,
        reopen_within=program.reopen_within,
    )
    settled = transition.settled
    if settled is None or settled is severity:
        return [applied]
    return [
        applied,
        changes.Transition(
            changes.TransitionKind.SEVERITY,
            rule,
            machine_name,
            applied.at,
            settled,
            quiet=applied.quiet,
        ),
    ]


def _scope(job: Job) -> Scope:
    return Scope(organization_id=job.organization_id)
