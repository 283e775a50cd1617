"""Each user of a broker with logins may do what its program does, and nothing else."""

import pytest

from dinsight.installation import BROKER_USERS
from dinsight.provision.rights import DOWNSTREAM, SUBSCRIPTIONS, rights_of
from shared.events.base import EVERY_SERVICE
from shared.events.feeds import FEED_PREFIX
from shared.events.registry import TOPICS
from shared.kafka.administration import Right
from tests.unit.architecture import canvas

PROGRAMS = sorted(SUBSCRIPTIONS)


def topics_with(user: str, operation: str) -> set[str]:
    return {
        right.name
        for right in rights_of(user)
        if right.resource == "topic" and right.operation == operation and not right.prefixed
    }


def test_every_user_has_rights() -> None:
    assert {*SUBSCRIPTIONS, DOWNSTREAM} == set(BROKER_USERS)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_reads_what_its_code_subscribes_to(program: str) -> None:
    assert set(SUBSCRIPTIONS[program]) == canvas.consumed(program)
    assert topics_with(program, "read") == canvas.consumed(program)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_writes_what_it_publishes_and_its_dead_letters(program: str) -> None:
    written = topics_with(program, "write")
    owned = {topic.name for topic in TOPICS if topic.producer in (program, "every service")}
    if program not in EVERY_SERVICE:
        assert written == set()
        return
    assert canvas.published(program) <= owned
    dead_letters = {topic.dead_letter for topic in TOPICS}
    assert written - dead_letters == owned
    read = {f"{name}.dead-letter" for name in SUBSCRIPTIONS[program]}
    assert read <= written & dead_letters


@pytest.mark.parametrize("program", EVERY_SERVICE)
def test_groups_and_feeds_are_written_to_by_services(program: str) -> None:
    rights = rights_of(program)
    assert {right for right in rights if right.resource == "group"} == {
        Right("group", program, "read", prefixed=True)
    }
    assert Right("topic", FEED_PREFIX, "write", prefixed=True) in rights


def test_only_the_maker_of_feeds_administers_the_broker() -> None:
    administrators = {user for user in BROKER_USERS if any(r.resource == "broker" for r in rights_of(user))}
    assert administrators == {"auth"}


def test_downstream_systems_read_what_is_documented() -> None:
    assert topics_with(DOWNSTREAM, "read") == {topic.name for topic in TOPICS} - {
        "audit.recorded",
        "upload.received",
        "analysis.progressed",
    }
    assert not {right for right in rights_of(DOWNSTREAM) if right.operation not in ("read", "describe")}
    # Nobody may join the groups of the services, and so take records away from them.
    assert {right.name for right in rights_of(DOWNSTREAM) if right.resource == "group"} == {DOWNSTREAM}
    assert not any(name.startswith(DOWNSTREAM) for name in EVERY_SERVICE)
