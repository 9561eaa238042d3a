"""The fast engine: canonical programs in NumPy, every element proven."""
