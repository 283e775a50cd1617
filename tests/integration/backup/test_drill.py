"""The small form of `make drill`: a table is dropped, then the machine is lost, and both are restored."""

from pathlib import Path

from tests.drill.drill import dropped_table, lost_machine, topics_hold
from tests.drill.machine import Machine
from tests.leash import Leash

ROWS = 100


def test_a_dropped_table_and_a_lost_machine_come_back(place: Path, leash: Leash) -> None:
    """Every row and file is compared within; what a machine's death may cost is measured by `make drill`."""
    repository = place / "repository-of-the-drill"
    machines = [Machine(place / "lost", repository, leash, services=False)]

    def new() -> Machine:
        machines.append(Machine(place / "new", repository, leash, services=False))
        return machines[-1]

    try:
        machines[0].up()
        dropped = dropped_table(machines[0], place / "beside", ROWS, print, in_place=False)
        assert dropped.rows > 2 * ROWS
        assert dropped.lost_rows == 0
        lost = lost_machine(machines[0], new, place / "escrow.env", ROWS, print)
        # How much of the last second is lost with the machine depends on how fast it was.
        assert lost.rows + lost.lost_rows >= ROWS
        topics_hold(machines[-1], print)
    finally:
        for machine in machines:
            if machine.layout.state_dir.exists():
                machine.down()
