from __future__ import annotations

import time
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from hyperscale.node.storing.kept_tokens import KeptTokens


class CountingCredential:
    """A credential whose tokens are numbered and live for an hour."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.asked.append(scopes)
        return AccessToken(str(len(self.asked)), 3600)


def test_a_token_is_asked_for_once_for_each_audience_as_long_as_it_is_good():
    now, inner = 0.0, CountingCredential()
    tokens = KeptTokens(inner, lambda: now)

    first = [tokens.get_token("a").token, tokens.get_token("a", enable_cae=True).token, tokens.get_token("b").token]
    now = 3301.0
    later = tokens.get_token("a").token

    assert first == ["1", "1", "2"]
    assert later == "3"


def test_a_token_that_was_refused_is_not_given_again():
    inner = CountingCredential()
    tokens = KeptTokens(inner, lambda: 0.0)

    tokens.get_token("a")

    assert tokens.get_token("a", claims="{}").token == "2"
    assert tokens.get_token("a").token == "2"


@pytest.mark.parametrize(("seconds_left", "is_kept"), [(3600, True), (200, False), (-60, False)])
def test_by_the_clock_of_the_world_a_token_is_good_until_it_expires(seconds_left: int, is_kept: bool):
    class Expires(CountingCredential):
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            return AccessToken(super().get_token(*scopes, **options).token, int(time.time()) + seconds_left)

    tokens = KeptTokens(Expires())

    assert tokens.get_token("a").token == "1"
    assert tokens.get_token("a").token == ("1" if is_kept else "2")
