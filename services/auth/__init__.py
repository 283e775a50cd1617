"""Users, organizations, memberships, sessions, signing keys and the audit trail."""
