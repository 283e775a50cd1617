"""The columns of the machines service that hold secrets."""

from uuid import UUID

from services.machines.sealing import value_purpose
from shared.crypto import EncryptedColumn, Renew
from shared.http.kept_answers import KEPT_ANSWERS


def _metadata(machine_id: UUID, value: dict[str, str], renew: Renew) -> dict[str, str]:
    return {name: renew(sealed, purpose=value_purpose(machine_id, name)) for name, sealed in value.items()}


COLUMNS = (EncryptedColumn("machines", "sealed_metadata", _metadata), KEPT_ANSWERS)
