"""The object store, which holds uploads and fitted models."""
