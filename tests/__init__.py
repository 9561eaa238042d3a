"""A package by name, or another that pip installed as `tests` would be imported in its place."""
