"""Renders the files of an experiment for Azure ML, and reads rendered files back."""
