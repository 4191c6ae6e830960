"""The end of a run: when it is over, what its machines cost, and that none of them stays."""
