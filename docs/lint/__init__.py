"""The check of the documents by outside rules."""
