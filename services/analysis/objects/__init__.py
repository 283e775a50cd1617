"""The object store: uploads and fitted models."""
