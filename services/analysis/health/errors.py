"""Errors of a machine's health."""

from shared.errors import Conflict


class NothingMonitored(Conflict):
    code = "nothing-monitored"

    def __init__(self, machine_name: str) -> None:
        super().__init__(
            f"No monitoring run of '{machine_name}' on its newest baseline is completed yet, so there is no"
            " course to show. Upload its later samples with analysis_type=monitoring."
        )
