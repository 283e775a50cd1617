"""The audit trail is complete, even for writes while the auth service, which stores it, is down."""

from collections import Counter

from tests.e2e.plant import Plant, eventually
from tests.stack import Stack

WRITES = 25


def test_nothing_is_lost_while_auth_is_away(stack: Stack, plant: Plant) -> None:
    # A service that has verified a token has cached the keys, and does not need auth for a while.
    made = [plant.machine("before")]
    for _ in range(2):
        stack.kill("auth")
        made += [plant.machine(f"Rig {number}") for number in range(WRITES)]
    stack.wait_ready()

    def recorded() -> Counter[str]:
        entries = plant.all("/audit-logs", action="machine.created", resource_type="machine")
        found = Counter(entry["resource_id"] for entry in entries)
        return found if len(found) >= len(made) else Counter()

    found = eventually(recorded, seconds=60, what="an entry of every machine")
    assert found == Counter(made)
    [entry] = plant.all("/audit-logs", resource_id=made[-1])
    assert entry["user_id"] == plant.get("/users/me")["id"]
    assert entry["changes"]["after"]["name"] == f"Rig {WRITES - 1}"
