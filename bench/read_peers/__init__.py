"""What reads are compared with: servers that do the same work, a module for each kind of read."""
