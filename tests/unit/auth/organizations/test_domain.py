"""Slugs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.organizations.domain import MAX_SLUG_LENGTH, slug_of


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Example Plant", "example-plant"),
        ("  Grünwald Pumpen & Söhne ", "grunwald-pumpen-sohne"),
        ("--A__b--", "a-b"),
        ("株式会社", "organization"),
        ("x" * 300, "x" * MAX_SLUG_LENGTH),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@given(st.text())
def test_any_name_has_a_slug_that_is_valid_in_a_url(name: str) -> None:
    slug = slug_of(name)
    assert slug.isascii()
    assert all(part.isalnum() and part == part.lower() for part in slug.split("-"))
