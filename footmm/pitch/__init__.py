"""What football is: dimensions, cameras, physics."""
