"""Errors of baseline versions."""

from collections.abc import Sequence
from uuid import UUID

from shared.errors import Conflict

# Names of features that an error lists.
MAX_LISTED = 10


class OtherFeatures(Conflict):
    code = "other-features"

    def __init__(self, baseline_id: UUID, missing: Sequence[str], added: Sequence[str]) -> None:
        differences = [
            f"{verb} {', '.join(names[:MAX_LISTED])}{' and more' if len(names) > MAX_LISTED else ''}"
            for verb, names in (("lacks", missing), ("adds", added))
            if names
        ] or ["has them in another order"]
        super().__init__(
            f"Baseline {baseline_id} has other features than the active one: it {' and '.join(differences)}."
            " Monitoring files must have its features. If the machine's files now do, send"
            " ?other_features=true; else upload a new baseline.",
            extra={"missing": list(missing), "added": list(added)},
        )


class NothingToCompare(Conflict):
    code = "nothing-to-compare"

    def __init__(self, machine_name: str) -> None:
        super().__init__(
            f"'{machine_name}' has fewer than two completed baselines. Upload another one with"
            " analysis_type=baseline, or restore an archived one."
        )
