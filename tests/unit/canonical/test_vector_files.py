"""The vectors that forge replays are what Python writes."""

import pytest

from bench.vectors.__main__ import FILES, FOLDER


@pytest.mark.parametrize("name", FILES)
def test_a_vector_file_is_what_the_reference_says(name: str) -> None:
    """Else the contracts would be held to yesterday's reference."""
    assert (FOLDER / name).read_bytes() == FILES[name](), "run `python -m bench.vectors` and see what has changed"
