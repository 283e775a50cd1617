"""Errors of previews."""

from shared.errors import PayloadTooLarge


class PreviewTooLarge(PayloadTooLarge):
    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"A preview takes at most {max_bytes / 2**20:g} MiB. Send the beginning of the file; its first"
            " megabyte is enough."
        )
