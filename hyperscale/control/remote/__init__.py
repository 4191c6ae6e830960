"""Reads data that is not on this machine: finds it, fetches it into a cache, looks at its beginning."""
