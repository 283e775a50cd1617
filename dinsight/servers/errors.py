"""Errors of servers on this machine."""

from dinsight.installation import CommandError


class MissingSoftware(CommandError):
    """Required software is not installed."""

    def __init__(self, what: str, package: str, instead: str = "") -> None:
        text = (
            f"{what} is not installed. Install the package {package}"
            f" (Debian, as root: apt-get install {package})"
        )
        super().__init__(f"{text}, or {instead}." if instead else f"{text}.")
