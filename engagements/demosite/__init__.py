"""An invented product's site with the tracker on it, to try engagements on. Only in the demo."""
