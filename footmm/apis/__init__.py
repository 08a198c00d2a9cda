"""The doors: configs, runners, inferencers."""
