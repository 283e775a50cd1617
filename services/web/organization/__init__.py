"""Members, invitations, API keys, sessions, audit trail, settings."""
