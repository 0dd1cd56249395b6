"""What DAMFF is compared with: the four networks of its paper, and predictors that do not listen."""
