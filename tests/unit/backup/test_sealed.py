"""A sealed file is read back as it was written, or not at all."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dinsight.backup.errors import BackupError, Damaged, WrongKey
from dinsight.backup.sealed import CHUNK_BYTES, TAG_BYTES, Sealer
from tests.unit.backup.examples import KEY, OTHER_KEY

NAME = "7000/wal/000000010000000000000002"
SEALER = Sealer(f"k1:{KEY}")
# Three chunks that do not compress, so that chunks can be told apart in the file.
CONTENT = os.urandom(2 * CHUNK_BYTES + 1000)


def sealed(content: bytes, *, compress: bool = True) -> bytes:
    return b"".join(SEALER.seal(NAME, [content], compress=compress))


def unsealed(stored: bytes, name: str = NAME, sealer: Sealer = SEALER) -> bytes:
    return b"".join(sealer.unseal(name, [stored]))


@given(st.lists(st.binary(max_size=300), max_size=5), st.booleans(), st.integers(1, 100))
def test_any_content_comes_back_from_any_pieces(pieces: list[bytes], compress: bool, step: int) -> None:
    stored = b"".join(SEALER.seal(NAME, pieces, compress=compress))
    cut = (stored[at : at + step] for at in range(0, len(stored), step))
    assert b"".join(SEALER.unseal(NAME, cut)) == b"".join(pieces)


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("size", [0, CHUNK_BYTES, CHUNK_BYTES + 1, len(CONTENT)])
def test_chunks_end_anywhere(size: int, compress: bool) -> None:
    assert unsealed(sealed(CONTENT[:size], compress=compress)) == CONTENT[:size]


def test_large_content_that_compresses_comes_back() -> None:
    content = bytes(16 * CHUNK_BYTES)
    stored = sealed(content)
    assert len(stored) < len(content) / 100
    assert unsealed(stored) == content


SMALL = sealed(b"what was written")


@pytest.mark.parametrize("at", range(len(SMALL)))
def test_a_flipped_bit_anywhere_is_noticed(at: int) -> None:
    damaged = bytearray(SMALL)
    damaged[at] ^= 1
    # In the key's id or fingerprint it looks like another key.
    with pytest.raises((Damaged, WrongKey)):
        unsealed(bytes(damaged))


@pytest.mark.parametrize("length", range(len(SMALL)))
def test_a_file_that_was_cut_off_anywhere_is_noticed(length: int) -> None:
    with pytest.raises(Damaged):
        unsealed(SMALL[:length])


def chunks() -> Iterator[bytes]:
    stored = sealed(CONTENT, compress=False)
    header = len(stored) - len(CONTENT) - 3 * TAG_BYTES
    yield stored[:header]
    for at in range(header, len(stored), CHUNK_BYTES + TAG_BYTES):
        yield stored[at : at + CHUNK_BYTES + TAG_BYTES]


@pytest.mark.parametrize("order", [(0, 1), (0, 1, 1, 2), (1, 0, 2), (0, 2), (0, 1, 2, 2)])
def test_chunks_cannot_be_left_out_doubled_or_exchanged(order: tuple[int, ...]) -> None:
    header, *pieces = chunks()
    assert unsealed(header + b"".join(pieces)) == CONTENT
    with pytest.raises(Damaged):
        unsealed(header + b"".join(pieces[number] for number in order))


def test_a_file_under_another_name_is_noticed() -> None:
    with pytest.raises(Damaged, match="another file in its place"):
        unsealed(SMALL, "7000/wal/000000010000000000000003")


def test_more_than_was_written_is_noticed() -> None:
    with pytest.raises(Damaged):
        unsealed(SMALL + b"x")


def test_a_wrong_key_is_told_from_a_damaged_file() -> None:
    with pytest.raises(WrongKey, match=r"'k1' of the backup is not the one .* escrow file"):
        unsealed(SMALL, sealer=Sealer(f"k1:{OTHER_KEY}"))
    with pytest.raises(WrongKey, match=r"the key 'k1', which is not among"):
        unsealed(SMALL, sealer=Sealer(f"k2:{OTHER_KEY}"))
    with pytest.raises(BackupError, match="DINSIGHT_ENCRYPTION_KEYS is empty"):
        Sealer("")


def test_former_keys_read_and_the_first_one_writes() -> None:
    rotated = Sealer(f"k2:{OTHER_KEY},k1:{KEY}")
    assert unsealed(SMALL, sealer=rotated) == b"what was written"
    with pytest.raises(WrongKey):
        unsealed(b"".join(rotated.seal(NAME, [b"new"])))
