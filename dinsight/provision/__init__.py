"""Makes an installation's databases and topics ready for its services."""
