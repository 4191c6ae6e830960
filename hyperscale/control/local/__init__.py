"""Runs rendered files on this machine."""
