"""Tries a few rows, and tells what the full run will be like."""
