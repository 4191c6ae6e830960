"""What lies beneath the errors of libraries."""

from __future__ import annotations

import errno
import os
import ssl

import pytest

from hyperscale.causes import causes, distrust, said_by_the_system, why_unanswered


class LibraryError(Exception):
    """Wraps another error, as the SDK of Azure and urllib3 do."""

    def __init__(self, *arguments: object, inner: BaseException | None = None) -> None:
        super().__init__(*arguments)
        self.inner_exception = inner


def refused() -> OSError:
    return ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


def untrusted(why: str | None) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    if why is not None:
        error.verify_message = why
    return error


@pytest.mark.parametrize(
    "error",
    [
        refused(),
        LibraryError("https://account/?sig=secret", inner=refused()),
        LibraryError("no answer", LibraryError(refused())),
    ],
)
def test_the_system_says_why_no_answer_came_however_deep(error: BaseException) -> None:
    assert said_by_the_system(error) == why_unanswered(error) == "Connection refused"


def test_what_the_system_says_nothing_of_is_called_by_its_innermost_type() -> None:
    error = LibraryError("https://account/?sig=secret", inner=KeyError("secret"))

    assert said_by_the_system(error) is None
    assert why_unanswered(error) == "KeyError"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (untrusted("certificate has expired"), "certificate has expired"),
        (LibraryError(untrusted("self-signed certificate")), "self-signed certificate"),
        (LibraryError(untrusted(None), inner=untrusted("Hostname mismatch")), "Hostname mismatch"),
        (untrusted(None), "no reason was given"),
        (ssl.SSLError(1, "wrong version number"), None),
        (refused(), None),
    ],
)
def test_a_certificate_that_is_not_trusted_is_told_from_other_ends(error: BaseException, why: str | None) -> None:
    assert distrust(error) == why


def test_errors_that_name_each_other_are_told_once() -> None:
    first, second = LibraryError("first"), LibraryError("second")
    first.inner_exception, second.inner_exception = second, first

    assert list(causes(first)) == [first, second]
