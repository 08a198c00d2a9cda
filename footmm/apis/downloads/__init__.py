"""Real data to where the configs look for it: ``tools/data/download.py``."""

from footmm.apis.downloads.datasets import DATASETS, TASKS, Dataset, Licence, find_datasets
from footmm.apis.downloads.fetching import Settings, fetch

__all__ = ["DATASETS", "TASKS", "Dataset", "Licence", "Settings", "fetch", "find_datasets"]
