"""Catalogues of the texts, by language."""
