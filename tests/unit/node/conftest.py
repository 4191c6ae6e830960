"""What tests of consumers share."""

import pytest
from consumer_site import Site


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.queue.close()
    site.store.close()
