"""Real data for the sample models, and their answers in human words."""
