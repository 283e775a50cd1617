"""Users, organizations, memberships, sessions, signing keys, mail, invitations and the audit trail."""
