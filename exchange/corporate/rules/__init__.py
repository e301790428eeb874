"""What a corporate action gives for how many units; pure Python, no Django."""
