"""kill -9 of random programs under load, and what was lost or doubled: `python -m tests.kills`."""
