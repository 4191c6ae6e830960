"""From rows to messages: they are packed into bodies and put into the queue, once per run."""
