"""Tests of runs on the emulated Azure begin with a workspace that may know their code."""

from __future__ import annotations

import pytest
from emulator import Emulator


@pytest.fixture(autouse=True)
def known_code(azure: Emulator) -> None:
    """Let submissions skip the upload of code that a node of an earlier test has run, as in a workspace that is in use.

    That halves what they cost. Tests that look at what is sent take the fixture `new_code`.
    """
    azure.world.has_code_of_others = True


@pytest.fixture
def new_code(known_code: None, azure: Emulator) -> None:
    """Let the workspace know the code of nobody else: what the test submits is sent."""
    azure.world.has_code_of_others = False
