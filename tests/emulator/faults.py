"""What goes wrong in the emulated Azure on demand: answers, provisioning, deletes and images."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field

from emulator.resources import Failure
from emulator.routing import PLAIN_HOST

#: Where nodes ask for tokens of their identities.
NODE_TOKENS = "/msi/token"

#: What the service says where a test does not care.
CODES = {
    400: "BadRequest",
    403: "AuthorizationFailed",
    404: "ResourceNotFound",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
}


@dataclass
class Fault:
    """Requests that are not answered as they should be.

    Attributes:
        method: of the requests, such as PUT; None is all.
        path: a regular expression that is searched for in their host and path.
        status: what they are answered with instead; None is the true answer.
        code, message: of that answer.
        retry_after: seconds that its Retry-After says; None has none.
        times: how many requests it hits; None is all.
        every: only every so many of those that match.
        delay_seconds: how long the answer takes.
        lost: the request takes effect, but the connection is closed in place of the answer.
        hits: how many it has hit.
    """

    method: str | None
    path: str
    status: int | None
    code: str
    message: str
    retry_after: float | None
    times: int | None
    every: int
    delay_seconds: float
    lost: bool
    hits: int = 0
    seen: int = 0

    def takes(self, method: str, place: str) -> bool:
        """Return whether a request is hit, and count it.

        The endpoint of nodes for tokens is hit by faults that name it alone, and the stub of `az` by none.
        """
        if place.startswith(PLAIN_HOST) and (NODE_TOKENS not in self.path or NODE_TOKENS not in place):
            return False
        if self.method not in (None, method) or not re.search(self.path, place):
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        self.hits += 1
        return True


@dataclass
class NamedFailure:
    """The failure of what has a name that matches; `times` None is always."""

    pattern: str
    failure: Failure
    times: int | None
    hits: int = 0

    def takes(self, name: str) -> bool:
        if (self.times is not None and self.hits >= self.times) or not re.search(self.pattern, name):
            return False
        self.hits += 1
        return True


@dataclass
class Faults:
    """All that goes wrong now."""

    requests: list[Fault] = field(default_factory=list)
    provisioning: list[NamedFailure] = field(default_factory=list)
    deletes: list[NamedFailure] = field(default_factory=list)
    images: list[NamedFailure] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        *,
        path: str = "",
        method: str | None = None,
        status: int | None = None,
        code: str | None = None,
        message: str = "The emulator was told to answer so.",
        retry_after: float | None = None,
        times: int | None = 1,
        every: int = 1,
        delay_seconds: float = 0,
        lost: bool = False,
    ) -> Fault:
        """Have requests answered otherwise than they should be; see Fault for what the arguments mean."""
        told = code or CODES.get(status or 0, "InternalServerError")
        fault = Fault(method, path, status, told, message, retry_after, times, every, delay_seconds, lost)
        with self.lock:
            self.requests.append(fault)
        return fault

    def for_request(self, method: str, place: str) -> Fault | None:
        """Return the first fault that hits a request."""
        with self.lock:
            return next((fault for fault in self.requests if fault.takes(method, place)), None)

    def provisioning_of(self, name: str) -> Failure | None:
        """Return how the provisioning of a compute fails, if it does."""
        return self._of(self.provisioning, name)

    def delete_of(self, name: str) -> Failure | None:
        """Return how the delete of a compute fails, if it does."""
        return self._of(self.deletes, name)

    def image_of(self, name: str) -> Failure | None:
        """Return how the build of an environment's image fails, if it does."""
        return self._of(self.images, name)

    def _of(self, failures: list[NamedFailure], name: str) -> Failure | None:
        with self.lock:
            return next((found.failure for found in failures if found.takes(name)), None)
