"""An Azure for tests, under its real names, on this machine: Resource Manager, Machine Learning, logins, storage."""

from emulator.emulator import Emulator, EmulatorError
from emulator.resources import Failure
from emulator.storage import StorageService

__all__ = ["Emulator", "EmulatorError", "Failure", "StorageService"]
