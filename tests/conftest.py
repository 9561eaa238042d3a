"""Settings of all tests."""

from hypothesis import settings

settings.register_profile("assay", deadline=None)  # time is measured by `make bench`
settings.load_profile("assay")
