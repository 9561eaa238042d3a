"""Wrong traces and wrong answers, and what judges them: a table of its own, and a real chain.

`scenes` are models with an input and the right answer, `liars` what a dishonest operator posts, `table` plays a game by
docs/disputes.md and docs/canonical.md in plain Python, apart from the code under test. `arena` is a real chain, `duel`
one whole dispute on it, with receipts, `siege` a crowd against an honest operator with all `nuisances` there are,
`conspiracy` a liar with an accomplice.
"""
