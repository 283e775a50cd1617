"""`python -m dinsight`: the command over the installation that the environment names."""

from dinsight.cli import app

app()
