"""HTTP models of the published keys."""

from pydantic import BaseModel


class PublicKeyOut(BaseModel):
    """One JSON Web Key (RFC 7517, RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class KeySetOut(BaseModel):
    keys: list[PublicKeyOut]
