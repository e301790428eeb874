"""Orders as the public API shows them, and the updates for their owners; nothing is changed."""
