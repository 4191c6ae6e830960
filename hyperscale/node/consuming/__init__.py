"""A consumer: holds messages, hands their rows to workers, and commits the outcomes."""
