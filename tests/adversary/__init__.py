"""Wrong traces and wrong answers, and a judge of its own to try them before.

`scenes` are models with an input and the right answer, `liars` what a dishonest operator posts, `table` plays a game by
docs/disputes.md and docs/canonical.md in plain Python, apart from the code under test.
"""
