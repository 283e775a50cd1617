"""The escrow file holds what a restored installation cannot do without."""

from pathlib import Path

import pytest

from dinsight.backup.errors import BackupError
from dinsight.backup.escrow import read_escrow, with_escrow, write_escrow
from dinsight.installation import ENCRYPTING, CommandError, Installation, encryption_keys_variable

PEPPER = {"DINSIGHT_PASSWORD_PEPPER": "pepper"}
KEYS = {encryption_keys_variable(program): f"{program}1:key" for program in ENCRYPTING}


def test_the_keys_of_every_program_are_in_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.env"
    names = write_escrow(Installation({**PEPPER, **KEYS, "DINSIGHT_LOG_LEVEL": "INFO"}), path)
    assert set(names) == {*KEYS, *PEPPER}
    assert read_escrow(path) == {**PEPPER, **KEYS}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_that_all_share_is_everybodys(tmp_path: Path) -> None:
    path = tmp_path / "keys.env"
    path.write_text(
        "# of an older version\nDINSIGHT_ENCRYPTION_KEYS=local1:key\nDINSIGHT_PASSWORD_PEPPER=pepper\n"
    )
    found = with_escrow(Installation(KEYS), path)
    assert {found.encryption_keys(program) for program in ENCRYPTING} == {"local1:key"}


@pytest.mark.parametrize("program", ENCRYPTING)
def test_a_file_that_lacks_the_keys_of_one_is_refused(tmp_path: Path, program: str) -> None:
    missing = encryption_keys_variable(program)
    held = {name: value for name, value in {**PEPPER, **KEYS}.items() if name != missing}
    path = tmp_path / "keys.env"
    with pytest.raises(CommandError, match=missing):
        write_escrow(Installation(held), path)
    assert not path.exists()
    path.write_text("".join(f"{name}={value}\n" for name, value in held.items()))
    with pytest.raises(BackupError, match=f"is not an escrow file: {missing} is not set"):
        read_escrow(path)
