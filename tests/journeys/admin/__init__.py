"""Pages of programs and participants."""
