"""The seams to the OpenMMLab releases, and nothing else."""
