"""DAMFF's opponents: the four networks of its paper, and predictors that do not listen."""
