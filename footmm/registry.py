"""The registries of footmm, all of scope ``footmm``.

Ten of them hold parts of footmm. They are children of MMEngine's registries (``KEYPOINT_CODECS``
of mmpose's), so a config of scope ``footmm`` also finds everything registered in MMEngine. Their
``locations`` are imported when a config first asks for a part: nobody has to remember an import.
"""

from __future__ import annotations

import mmengine.registry
from mmengine.registry import Registry
from mmpose.registry import KEYPOINT_CODECS as MMPOSE_KEYPOINT_CODECS

from footmm.errors import UnknownTypeError, did_you_mean

SCOPE = "footmm"


class FootmmRegistry(Registry):
    """A registry that answers an unknown name with the nearest names it does know."""

    def get(self, key: str) -> type:
        """Return the class registered under ``key`` here or in a parent.

        Raises:
            UnknownTypeError: Nothing is registered under ``key``.
        """
        found = super().get(key)
        if found is None:
            raise UnknownTypeError(self._unknown_type_message(key))
        return found

    def _unknown_type_message(self, key: str) -> str:
        known: set[str] = set()
        registry: Registry | None = self
        while registry is not None:
            known.update(registry.module_dict)
            registry = registry.parent
        hint = did_you_mean(key.rpartition(".")[2], known, cutoff=0.5)
        return (
            f"type='{key}' is not a registered {self.name}{hint or '; no registered name is near'} "
            "(a class of your own is registered by importing its module, e.g. with custom_imports "
            "in the config)"
        )


def _child(parent: Registry, *locations: str) -> FootmmRegistry:
    return FootmmRegistry(parent.name, parent=parent, scope=SCOPE, locations=list(locations))


MODELS = _child(mmengine.registry.MODELS, "footmm.models")
DATASETS = _child(mmengine.registry.DATASETS, "footmm.datasets")
TRANSFORMS = _child(mmengine.registry.TRANSFORMS, "footmm.datasets.transforms")
DATA_SAMPLERS = _child(mmengine.registry.DATA_SAMPLERS, "footmm.datasets.samplers")
METRICS = _child(mmengine.registry.METRICS, "footmm.evaluation")
HOOKS = _child(mmengine.registry.HOOKS, "footmm.engine.hooks")
VISUALIZERS = _child(mmengine.registry.VISUALIZERS, "footmm.visualization")
OPTIM_WRAPPERS = _child(mmengine.registry.OPTIM_WRAPPERS, "footmm.compat.amp")
TASK_UTILS = _child(mmengine.registry.TASK_UTILS, "footmm.models")
KEYPOINT_CODECS = _child(MMPOSE_KEYPOINT_CODECS, "footmm.codecs")

# The Runner also builds parts from registries that footmm adds nothing to. Without a node of our
# scope there, MMEngine warns at every build; with one, unknown names get suggestions as well.
for _name in (
    "RUNNERS",
    "LOOPS",
    "OPTIMIZERS",
    "OPTIM_WRAPPER_CONSTRUCTORS",
    "PARAM_SCHEDULERS",
    "MODEL_WRAPPERS",
    "EVALUATOR",
    "LOG_PROCESSORS",
    "VISBACKENDS",
    "WEIGHT_INITIALIZERS",
    "FUNCTIONS",
    "INFERENCERS",
    "STRATEGIES",
):
    _child(getattr(mmengine.registry, _name))
