"""What the admin pages of all apps share: their base classes and how they ask for confirmation."""
