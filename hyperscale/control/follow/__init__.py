"""Finds a run, looks at it, ends it, and clears away what it left."""
