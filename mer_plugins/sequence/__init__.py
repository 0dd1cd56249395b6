"""Toolkit for neural plugins: features, sliding window, losses, training, checkpoints."""
