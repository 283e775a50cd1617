"""The kinds of places, as documents: stored as they are sent, but for secrets, which are sealed."""

from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Literal, Self

import asyncssh
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from shared.http.fields import STORABLE

MAX_PATH = 1000
MAX_KEY = 16_384
HOST = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$|^[0-9A-Fa-f:.]{2,45}$"
ENDPOINT = r"^https?://[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?$"
BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
REGION = r"^[a-z0-9-]{1,40}$"
HOST_KEY = r"^[a-z0-9@.-]{4,60} [A-Za-z0-9+/]{40,4000}={0,2}( [^\x00\r\n]*)?$"
HOST_KEY_HELP = (
    "The server's public key as ssh-keyscan prints it after the name: ssh-ed25519 AAAA... Without it, nobody"
    " signs in; the source's problem then names the key that the server showed, for comparison"
)


def _no_way_up(path: str) -> str:
    if ".." in PurePosixPath(path).parts:
        raise PydanticCustomError("way_up", "must not contain '..': name the folder itself")
    return path


def _public_key(text: str) -> str:
    try:
        asyncssh.import_public_key(text)
    except asyncssh.KeyImportError:
        raise PydanticCustomError("host_key", "must be a public key as ssh-keyscan prints it") from None
    return text


Path = Annotated[
    str, StringConstraints(max_length=MAX_PATH, pattern=r"^[^\x00\r\n]*$"), AfterValidator(_no_way_up)
]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY, pattern=STORABLE)]


class _Place(BaseModel):
    model_config = ConfigDict(extra="forbid")

    # The fields that are sealed, and those that say to whom a secret is shown.
    SECRETS: ClassVar[frozenset[str]] = frozenset()
    RECEIVER: ClassVar[frozenset[str]] = frozenset()


class Folder(_Place):
    """A folder on the machine that reads sources, below the folder of the organization there."""

    kind: Literal["folder"]
    path: Path = Field("", description="Relative to the folder of the organization; empty for that itself")

    @model_validator(mode="after")
    def _relative(self) -> Self:
        if self.path.startswith("/"):
            raise PydanticCustomError("absolute", "path must not begin with /: it is relative")
        return self


class Bucket(_Place):
    """The objects below a prefix of an S3 bucket, or of a store that speaks S3's protocol."""

    SECRETS = frozenset({"secret_access_key"})
    RECEIVER = frozenset({"kind", "endpoint", "region", "bucket", "access_key_id"})

    kind: Literal["bucket"]
    bucket: Annotated[str, StringConstraints(pattern=BUCKET)]
    prefix: Path = ""
    region: Annotated[str, StringConstraints(pattern=REGION)] = "us-east-1"
    endpoint: Annotated[str, StringConstraints(pattern=ENDPOINT)] | None = Field(
        None, description="The address of a store other than AWS, which the operator must allow"
    )
    access_key_id: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
    secret_access_key: Secret | None = Field(None, description="Write-only")


class Sftp(_Place):
    """A folder of an SFTP server."""

    SECRETS = frozenset({"password", "private_key"})
    RECEIVER = frozenset({"kind", "host", "port", "username"})

    kind: Literal["sftp"]
    host: Annotated[str, StringConstraints(pattern=HOST)]
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    path: Path = Field("", description="Relative to where the user arrives, or absolute")
    username: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00\r\n]+$")]
    password: Secret | None = Field(None, description="Write-only")
    private_key: Secret | None = Field(None, description="Write-only: an OpenSSH or PEM key, not encrypted")
    host_key: Annotated[str, StringConstraints(pattern=HOST_KEY), AfterValidator(_public_key)] | None = Field(
        None, description=HOST_KEY_HELP
    )


AnyPlace = Folder | Bucket | Sftp
PlaceIn = Annotated[AnyPlace, Field(discriminator="kind")]
KINDS: dict[str, type[Folder] | type[Bucket] | type[Sftp]] = {
    "folder": Folder,
    "bucket": Bucket,
    "sftp": Sftp,
}
