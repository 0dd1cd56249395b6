"""Reports as one HTML page that works from disk: of a collection, and of a comparison."""
