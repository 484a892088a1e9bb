"""The cache in which attempts are counted: shared by Redis, each process's own while Redis is away."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest

from chat.shared_cache import SharedCache
from tests.support.server import free_port


@pytest.mark.redis
def test_processes_share_it() -> None:
    one, other = (SharedCache(os.environ["TEST_REDIS_URL"], {}) for _ in range(2))
    key = f"attempts-{uuid4()}"
    assert one.add(key, [1.0], 10)
    assert not other.add(key, [2.0], 10)
    assert other.get(key) == [1.0]
    other.set(key, [1.0, 2.0], 10)
    assert one.get(key, []) == [1.0, 2.0]
    assert one.delete(key)
    assert other.get(key, "none") == "none"


def test_without_redis_a_process_counts_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    cache = SharedCache(f"redis://127.0.0.1:{free_port()}/0", {})
    assert cache.add("attempts", [1.0], 10)
    assert not cache.add("attempts", [2.0], 10)
    cache.set("attempts", [1.0, 2.0], 10)
    assert cache.get("attempts", []) == [1.0, 2.0]
    assert cache.delete("attempts")
    assert cache.get("attempts", "none") == "none"
    assert "Redis is away" in caplog.text
