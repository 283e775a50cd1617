"""The cache of compiled conditions."""

from dataclasses import replace
from uuid import uuid4

from services.alerting.rules.compiled import ProgramCache
from services.alerting.rules.conditions import compile_condition
from tests.unit.alerting.database.repository_suite import make_machine, make_rule

RULE = make_rule(make_machine(uuid4()), uuid4())


def test_a_version_is_compiled_once() -> None:
    cache = ProgramCache(compile_condition)
    compiled = cache.of(RULE)
    assert cache.of(replace(RULE, name="Renamed")) is compiled
    assert cache.of(replace(RULE, version=2)) is not compiled
    assert cache.of(replace(RULE, id=uuid4())) is not compiled


def test_the_cache_drops_the_least_recently_used_condition() -> None:
    cache = ProgramCache(compile_condition, max_size=2)
    used, unused, new = (replace(RULE, id=uuid4()) for _ in range(3))
    kept, dropped = cache.of(used), cache.of(unused)
    cache.of(used)
    cache.of(new)
    assert len(cache) == 2
    assert cache.of(used) is kept
    assert cache.of(unused) is not dropped
