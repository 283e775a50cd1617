"""Tests of the web page without servers."""
