"""SoccerNet SynLoc: athletes and where they are on the pitch."""

from footmm.datasets.synloc.annotations import SynLocAnnotations, read_synloc_annotations
from footmm.datasets.synloc.spiideo import SynLocDataset
from footmm.datasets.synloc.synthetic import SyntheticSynLocDataset

__all__ = [
    "SynLocAnnotations",
    "SynLocDataset",
    "SyntheticSynLocDataset",
    "read_synloc_annotations",
]
