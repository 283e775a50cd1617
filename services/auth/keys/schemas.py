"""HTTP models of the public keys."""

from pydantic import BaseModel


class PublicKeyOut(BaseModel):
    """A JSON Web Key (RFC 7517, RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class KeySetOut(BaseModel):
    keys: list[PublicKeyOut]
