"""The failed rows of a run: why they failed, grouped, and what they printed."""
