"""What MMEngine's engine lacks."""
