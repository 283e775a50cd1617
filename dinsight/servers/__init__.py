"""The programs of PostgreSQL on this machine, and the user that runs its server."""
