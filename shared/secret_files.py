"""Settings in files: a variable `NAME` may be in the file that `NAME_FILE` names. Standard library only.

Secrets then appear neither in the environment of a process nor in the description of a container.
"""

from collections.abc import Mapping
from pathlib import Path

FILE_SUFFIX = "_FILE"
STORE_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class SecretFileError(Exception):
    """The file that a variable names cannot be read. The message has its name and path."""


def in_file(name: str, environ: Mapping[str, str]) -> str | None:
    """The content of the file that `<name>_FILE` names, without the line break at its end; None if unset.

    Raises SecretFileError.
    """
    path = environ.get(name + FILE_SUFFIX)
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretFileError(f"{name}{FILE_SUFFIX} names {path}, which cannot be read: {error}") from error


def store_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Credentials of the object store that are in files, by the names of its client's options.

    The client reads `AWS_...` itself, but no files. Raises SecretFileError.
    """
    found = {name: in_file(name, environ) for name in STORE_CREDENTIALS}
    return {name.lower(): value for name, value in found.items() if value is not None}


def with_files(environ: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The variables, with those of this prefix that are in files. Raises SecretFileError."""
    names = {name.removesuffix(FILE_SUFFIX) for name in environ if name.endswith(FILE_SUFFIX)}
    found = {name: in_file(name, environ) for name in names if name.startswith(prefix)}
    return {**environ, **{name: value for name, value in found.items() if value is not None}}
