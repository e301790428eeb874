"""English, as log and documentation write them."""
