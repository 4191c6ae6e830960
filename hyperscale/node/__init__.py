"""What runs on cluster nodes: seed, consume and teardown, the queue, the store and the workers."""
