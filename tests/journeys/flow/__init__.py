"""Flow documents: edits, words, differences."""
