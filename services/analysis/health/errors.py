"""Errors of a machine's health."""

from shared.errors import Conflict


class NothingMonitored(Conflict):
    code = "nothing-monitored"

    def __init__(self, machine_name: str) -> None:
        super().__init__(
            f"'{machine_name}' has no completed monitoring run on its active baseline yet, so there is no"
            " wear to show. Upload later samples with analysis_type=monitoring."
        )
