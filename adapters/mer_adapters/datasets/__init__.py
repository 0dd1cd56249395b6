"""Labelled data sets of the field, each in its official layout, as collections of JAMS."""
