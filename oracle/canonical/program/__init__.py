"""Canonical programs: nodes, their encoding, their validity, and programs as a whole."""
