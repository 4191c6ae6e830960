"""How often tests that try chance do so: seldom while one works and in CI, often in `make test-all`.

TEST_PROFILE names the profile; without it, it is `ci` where CI is set, and `dev` elsewhere.
"""

from __future__ import annotations

import os

#: Of the examples that `nightly` tries, this share is tried: 20, 30 and 100 where a test says nothing.
SHARES = {"dev": 0.2, "ci": 0.3, "nightly": 1.0}
#: What Hypothesis tries where nobody says how many.
USUAL_EXAMPLES = 100


def profile() -> str:
    """Return the profile of this run."""
    return os.environ.get("TEST_PROFILE") or ("ci" if os.environ.get("CI") else "dev")


def examples(nightly: int) -> int:
    """Return how many examples are tried by a test of which `make test-all` tries `nightly`."""
    return max(1, round(nightly * SHARES[profile()]))


def size(usual: int, nightly: int) -> int:
    """Return how many rows, faults or rounds a test has: `nightly` in `make test-all`, else `usual`."""
    return nightly if profile() == "nightly" else usual


def load_profile() -> None:
    """Let Hypothesis try as many as the profile says.

    An example that takes long on a busy machine is no failure: tests measure no time.
    """
    from hypothesis import settings  # not for each process of a test that only asks for a size

    settings.register_profile(profile(), deadline=None, max_examples=examples(USUAL_EXAMPLES))
    settings.load_profile(profile())
