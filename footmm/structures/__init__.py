"""Data samples that no OpenMMLab library has."""
