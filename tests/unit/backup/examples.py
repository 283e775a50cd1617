"""A repository in memory, and backups to put into it."""

import base64
from datetime import UTC, datetime, timedelta

from obstore.store import MemoryStore

from dinsight.backup.manifest import Backup, Manifest, Server, Verification, backup_id
from dinsight.backup.repository import Repository
from dinsight.backup.sealed import Sealer
from dinsight.backup.wal import Segment, parse_lsn, show_lsn

SIZE = 16 * 2**20
KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()
NOW = datetime(2027, 1, 31, 2, 0, tzinfo=UTC)
SERVER = Server("7000", 15, "15.18", SIZE, "", "dinsight_admin", "dinsight")


def a_repository(keys: str = f"k1:{KEY}", store: MemoryStore | None = None) -> Repository:
    return Repository(store or MemoryStore(), "memory:///", "7000", Sealer(keys))


def a_manifest(ended_at: datetime, start: str = "0/2000028", timeline: int = 1) -> Manifest:
    """A backup that needs the segment in which it starts."""
    started_at = ended_at - timedelta(minutes=1)
    segment = Segment(timeline, parse_lsn(start) // SIZE).name(SIZE)
    return Manifest(
        id=backup_id(started_at),
        started_at=started_at,
        ended_at=ended_at,
        timeline=timeline,
        start_lsn=start,
        stop_lsn=show_lsn(parse_lsn(start) + 1000),
        server=SERVER,
        migrations={"auth": "auth_0001"},
        base_bytes=4,
        base_stored_bytes=100,
        base_sha256="",
        wal={segment: ""},
        objects={},
    )


def a_backup(ended_at: datetime, *, verified: bool = True, start: str = "0/2000028") -> Backup:
    return Backup(a_manifest(ended_at, start), Verification(ended_at, "restored", 1.0) if verified else None)
