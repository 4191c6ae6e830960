"""`map_rows`: a function over rows of this process, by the workers that runs have, without a file."""
