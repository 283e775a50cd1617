"""The object keys of an upload's files."""

from uuid import UUID

from services.analysis.uploads.domain import file_key, upload_prefix


def test_object_keys_contain_only_ids() -> None:
    assert file_key(upload_prefix(UUID(int=1)), 12) == f"uploads/{UUID(int=1)}/0012.zst"
