"""What a model looks like as an ONNX graph: tensors in, tensors out, and what stays outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import Tensor, nn

from footmm.errors import ConfigError, FootmmError


class ExportError(FootmmError):
    """A model cannot be exported, or what was exported does not compute the same."""


class Port(NamedTuple):
    """A tensor that goes into a graph or comes out of it.

    Attributes:
        meaning: What it holds: units and frame.
        dynamic: Names of the axes whose length is free; all others are fixed.
    """

    meaning: str
    dynamic: Mapping[int, str] = {0: "batch"}


class ExportGraph(nn.Module, ABC):
    """A model with tensors in and out, which is what ONNX knows; one subclass a task.

    Normalisation is part of the graph: images go in as OpenCV reads them.

    Args:
        model: The model, in evaluation mode.
        config: Its config.
        input_size: Height and width of the images, pixels; None: the config's. Only models of
            whole images have a choice.

    Raises:
        ConfigError: The size is impossible, or the model has no choice.
    """

    #: The task's word, as in ``configs/<task>``.
    task: ClassVar[str]
    #: What a prediction of footmm consists of besides the graph.
    outside: ClassVar[str]
    #: Largest difference of a good export, as a share of an output's largest value.
    tolerance: ClassVar[float] = 1e-3

    def __init__(
        self, model: BaseModel, config: Config, input_size: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        if input_size is not None:
            raise ConfigError(
                f"--input-size {input_size[0]} {input_size[1]}: models of {self.task} do not take "
                "whole images; leave it out"
            )
        self.model = model
        self.config = config

    @property
    @abstractmethod
    def inputs(self) -> dict[str, Port]:
        """The tensors that :meth:`forward` takes, by name and in its order."""

    @property
    @abstractmethod
    def outputs(self) -> dict[str, Port]:
        """The tensors that :meth:`forward` returns, by name and in its order."""

    @abstractmethod
    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs.

        Args:
            *inputs: ``(B, ...)``, as the graph's ``inputs`` describe them.

        Returns:
            ``(B, ...)``, as the graph's ``outputs`` describe them.
        """

    @abstractmethod
    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Make inputs that look like real ones, to trace and to check the graph.

        Args:
            batch: Their number.
            rng: Decides what they are.

        Returns:
            As :meth:`forward` takes them.
        """

    @property
    def ports(self) -> dict[str, Port]:
        """Inputs, then outputs, by names that they do not share."""
        return {**self.inputs, **self.outputs}

    def facts(self) -> dict[str, Any]:
        """What the file says of itself besides inputs and outputs; plain data."""
        return {}


def normalisation_facts(preprocessor: nn.Module) -> dict[str, Any]:
    """What a data preprocessor does to the channels, in the network's order of them."""
    known = [name for name in ("mean", "std") if hasattr(preprocessor, name)]
    return {"normalisation": "inside"} | {
        name: getattr(preprocessor, name).flatten().tolist() for name in known
    }
