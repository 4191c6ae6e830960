"""Looks whether a run on Azure ML has all that it needs."""
