"""Which workspace it is, who asks it, and what a plan needs to know of it."""
