"""Submits a run to Azure ML, step by step, and takes back what was not finished."""
