"""What is written to the log, and how a line looks; never a secret, and no rule of an app."""
