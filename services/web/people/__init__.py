"""Names of the people of an organization."""
