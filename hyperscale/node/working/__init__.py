"""A worker: the child process that runs the user's code, and what it says to its consumer."""
