"""Repeated runs of the tests that find what fails only sometimes."""
