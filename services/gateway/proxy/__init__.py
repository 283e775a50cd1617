"""Passes requests on to the services, piece by piece."""
