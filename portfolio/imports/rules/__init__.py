"""What the records of a file mean: cells, columns and the lots that are left. Pure, no Django."""
