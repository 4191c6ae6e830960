"""Reads an experiment file and checks all of it: its keys, its rows, its code."""
