"""Makes new experiment folders: of an example, or of a function that exists."""
