"""Errors of a machine's health."""

from shared.errors import Conflict

NO_RUN = (
    "there is no completed monitoring run on its newest baseline yet. Upload later samples with"
    " analysis_type=monitoring"
)


class NothingMonitored(Conflict):
    code = "nothing-monitored"

    def __init__(self, machine_name: str, why: str = NO_RUN) -> None:
        super().__init__(f"'{machine_name}' has no wear to show: {why}.")
