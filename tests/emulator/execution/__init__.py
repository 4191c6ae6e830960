"""The part of the emulated Azure that executes what is submitted to it: see `Execution`."""

from emulator.execution.execution import Execution
from emulator.execution.host import Host

__all__ = ["Execution", "Host"]
