"""The platform on one machine, without Docker: servers, services and the supervisor that keeps them up."""
