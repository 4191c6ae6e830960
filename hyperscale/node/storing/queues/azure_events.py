"""A queue of a storage account whose messages nobody owns: they tell who listens, and expire."""

from __future__ import annotations

from hyperscale.node.storing.queues.azure import AzureQueue

LIFE_SECONDS = 7 * 24 * 3600


class AzureEventQueue(AzureQueue):
    """A queue of events; its messages end by themselves, whether somebody has read them or not."""

    def put(self, body: str) -> None:
        self._requests.ask(
            "put an event", lambda: self._client.send_message(body, time_to_live=LIFE_SECONDS, visibility_timeout=0)
        )
