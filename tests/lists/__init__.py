"""Every list of the API on generated data: rows by SQL, and the routes of all services in one application."""
