"""What lies beneath an error of a library. Where no answer came, its own text may hold an address with a key."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

#: What helps whose certificates somebody signed that this machine does not know.
TRUST_HINT = "set REQUESTS_CA_BUNDLE to the file of the authority that signed it (a proxy may have its own)"


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and what it came from, outermost first: the SDK of Azure wraps several libraries."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop(0)
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        inner = (getattr(found, name, None) for name in ("inner_exception", "reason", "__cause__", "__context__"))
        waiting += [cause for cause in (*inner, *found.args) if isinstance(cause, BaseException)]


def distrust(error: BaseException) -> str | None:
    """Return why the certificate of the other side is not trusted, such as "certificate has expired"; None if it is."""
    found = [cause for cause in causes(error) if isinstance(cause, ssl.SSLCertVerificationError)]
    # What aiohttp wraps it in is of this type, too, and says nothing.
    told = [str(cause.verify_message) for cause in found if getattr(cause, "verify_message", "")]
    return told[-1] if told else "no reason was given" if found else None


def said_by_the_system(error: BaseException) -> str | None:
    """Return what the operating system says of why no answer came, such as "Connection refused"; None if nothing."""
    told = [cause.strerror for cause in causes(error) if isinstance(cause, OSError) and cause.strerror]
    return told[-1] if told else None


def why_unanswered(error: BaseException) -> str:
    """Return in a few words why no answer came: what the operating system says, or the name of the innermost error."""
    return said_by_the_system(error) or type(list(causes(error))[-1]).__name__
