"""What becomes of a row whose attempt failed."""

import pytest
from wordings import names

from hyperscale.failures import MAX_DELAY_SECONDS, Failure, Final, Retry, RetryPolicy, shorten

RAISED = Failure("raised", "ValueError", "no")


@pytest.mark.parametrize(
    ("attempts", "chance", "decision"),
    [
        (1, 0.0, Retry(5.0)),
        (2, 0.0, Retry(10.0)),
        (2, 1.0, Retry(5.0)),
        (3, 0.0, Retry(20.0)),
        (4, 0.0, Final()),
        (5, 0.0, Final()),
    ],
)
def test_a_row_waits_longer_each_time_until_it_is_out_of_attempts(attempts, chance, decision):
    policy = RetryPolicy(max_attempts=4, first_delay_seconds=5.0)

    assert policy.after_failure(RAISED, attempts, chance) == decision


def test_the_delay_has_a_ceiling():
    policy = RetryPolicy(max_attempts=1_000, first_delay_seconds=5.0)

    assert policy.after_failure(RAISED, 900, 0.0) == Retry(MAX_DELAY_SECONDS)


def test_an_exception_that_is_not_to_be_retried_is_final_at_once():
    policy = RetryPolicy(max_attempts=3, first_delay_seconds=1.0, no_retry_on=("ValueError",))

    assert policy.after_failure(RAISED, 1, 0.0) == Final()
    assert policy.after_failure(Failure("raised", "KeyError", "no"), 1, 0.0) == Retry(1.0)


def test_a_long_text_keeps_its_head_and_its_tail():
    text = shorten("a" * 900 + "b" * 900, limit=100)

    assert text.startswith("a" * 50 + "\n")
    assert text.endswith("\n" + "b" * 50)
    names(text, "1,700")
