"""What a network does: use and load of chargers."""
