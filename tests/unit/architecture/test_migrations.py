"""Rules about the chains of migrations."""

import pytest
from alembic.script import ScriptDirectory

from dinsight.provision.migrations import Phase, configuration, phase_of
from tests.unit.architecture.source import WITH_TABLES


@pytest.mark.parametrize("service", WITH_TABLES)
def test_what_needs_the_new_version_comes_last(service: str) -> None:
    """An after-deploy migration before one that comes first would run while older programs still do.

    The next version may add to the chain: it names the newest revision of this one here, as the beginning.
    """
    scripts = ScriptDirectory.from_config(configuration(service, "postgresql://unused"))
    phases = [phase_of(script) for script in scripts.walk_revisions()][::-1]
    assert Phase.BEFORE in phases
    assert phases == sorted(phases, key=[Phase.BEFORE, Phase.AFTER].index)
