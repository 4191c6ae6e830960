"""What Python code holds of experiments and runs: the commands as methods, for scripts and notebooks."""
