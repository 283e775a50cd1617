"""Receives uploads and stores their files before the analysis starts."""
