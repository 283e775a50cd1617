"""What this service deletes of an organization, a machine or an account."""

from services.machines.events import tombstone
from shared.clock import Clock
from shared.erasure.eraser import Steps
from shared.erasure.steps import CANCEL_JOBS, MENTIONS, OF_ORGANIZATION, OF_USER, TURNS, Erased, Erasing, Step
from shared.events.machines import MACHINE_CHANGED

BATCH = 100


class MachinesOfOrganization(Step):
    """Deletes the machines of an organization, and leaves a tombstone of each on the topic."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def erase(self, erasing: Erasing) -> Erased:
        deletion, now = erasing.deletion, self._clock.now()
        found = erasing.queries.erase_machines(erasing.connection, **erasing.ids, batch=BATCH)
        gone = [row async for row in found]
        tombstones = [
            (row["id"], tombstone(row["id"], row["status"], row["version"] + 1, now, deletion.deletion_id))
            for row in gone
        ]
        await erasing.outbox.add_all(MACHINE_CHANGED, tombstones, organization_id=deletion.organization_id)
        return Erased({"machines": len(gone)}, more=len(gone) == BATCH)


def steps(clock: Clock) -> Steps:
    return {
        "organization": (MachinesOfOrganization(clock), *OF_ORGANIZATION, CANCEL_JOBS, TURNS),
        "machine": MENTIONS,
        "analysis": MENTIONS,
        "user": OF_USER,
    }
