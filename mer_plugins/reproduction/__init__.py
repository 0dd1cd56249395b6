"""Published comparisons, trained and scored again cell by cell: ``mer reproduce``."""
