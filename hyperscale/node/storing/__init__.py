"""Queues and stores, on this machine and in Azure Storage: who asks, how long, and what it costs."""
