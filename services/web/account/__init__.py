"""A person: profile, password, sessions."""
