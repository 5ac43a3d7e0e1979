"""A simulated carrier: a process that speaks providers' APIs over real HTTP, and misbehaves on request."""
