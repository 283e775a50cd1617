"""The sealed successor of a refresh token."""

from services.auth.sessions.succession import seal, unseal


def test_only_the_token_itself_reads_its_successor() -> None:
    sealed = seal("token", "successor")
    assert b"successor" not in sealed
    assert unseal("token", sealed) == "successor"
    assert unseal("another", sealed) is None
    assert unseal("token", sealed[:-1]) is None
