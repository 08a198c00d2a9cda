"""Fine-tuning with a part of the model held still."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from footmm.errors import ConfigError
from footmm.registry import HOOKS


@HOOKS.register_module()
class FreezeBackboneHook(Hook):
    """Freezes a sub-module: no gradients, and its normalisation layers keep their statistics.

    DistributedDataParallel decides at construction which parameters it reduces; one frozen later
    is a parameter that never reports, and the second iteration fails. Whenever the frozen set
    changes, the model is therefore wrapped anew (as the Runner wrapped it), which works without
    ``find_unused_parameters``. The optimiser keeps all parameters and skips those without a
    gradient, so checkpoints of frozen and thawed epochs have the same layout.

    Args:
        module: Dotted path of the sub-module inside the model.
        unfreeze_epoch: The first epoch, counted from 0, that trains the sub-module again, also
            when the training is resumed later than that; None to keep it frozen.
    """

    priority = "ABOVE_NORMAL"

    def __init__(self, module: str = "backbone", unfreeze_epoch: int | None = None) -> None:
        self.module = module
        self.unfreeze_epoch = unfreeze_epoch
        self._is_frozen = False
        self._parameters: list[nn.Parameter] = []
        self._norms: list[nn.Module] = []

    def before_train(self, runner: Runner) -> None:
        """Freeze the sub-module.

        Raises:
            ConfigError: The model has no sub-module of that path.
        """
        module = self._find(runner)
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        self._norms = [m for m in module.modules() if isinstance(m, _NormBase)]
        self._set_frozen(runner, True)
        count = sum(p.numel() for p in self._parameters)
        print_log(f"'{self.module}' is frozen: {count:,} parameters", logger="current")

    def before_train_epoch(self, runner: Runner) -> None:
        """Thaw the sub-module when its epoch has come."""
        if not self._is_frozen or not self._is_due(runner.epoch):
            return
        self._set_frozen(runner, False)
        print_log(f"'{self.module}' is trained from here on", logger="current")

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """Keep the statistics of the frozen normalisation layers.

        The loops call ``model.train()`` after ``before_train_epoch``, so this is the first place
        where the setting lasts.
        """
        if not self._is_frozen:
            return
        for norm in self._norms:
            norm.eval()

    def _is_due(self, epoch: int) -> bool:
        return self.unfreeze_epoch is not None and epoch >= self.unfreeze_epoch

    def _find(self, runner: Runner) -> nn.Module:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        try:
            return model.get_submodule(self.module)
        except AttributeError:
            names = ", ".join(name for name, _ in model.named_children())
            raise ConfigError(
                f"FreezeBackboneHook: {type(model).__name__} has no sub-module "
                f"module='{self.module}'; its sub-modules are: {names}"
            ) from None

    def _set_frozen(self, runner: Runner, frozen: bool) -> None:
        self._is_frozen = frozen
        for parameter in self._parameters:
            parameter.requires_grad_(not frozen)
        if is_model_wrapper(runner.model):
            runner.model = runner.wrap_model(
                runner.cfg.get("model_wrapper_cfg"), runner.model.module
            )
