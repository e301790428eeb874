"""Who are you? Users, sessions and tokens; nothing about money."""
