"""The `dinsight` command: runs the platform on one machine and drives it."""
