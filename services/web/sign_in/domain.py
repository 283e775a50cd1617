"""Where a visitor may be sent after signing in."""


def safe_target(target: str) -> str:
    """The path on this page; the start for anything that a browser could read as another site's address."""
    is_path = (
        target.startswith("/") and not target.startswith("//") and target.isprintable() and "\\" not in target
    )
    return target if is_path else "/"
