"""The synthetic match."""
