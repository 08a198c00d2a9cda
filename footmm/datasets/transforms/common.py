"""Transforms that every task uses: reading images, augmentation by albumentations."""

from __future__ import annotations

import os
import random
import warnings
from typing import Any

import cv2
import mmcv.transforms
import numpy as np
from mmcv.transforms import BaseTransform

from footmm.errors import ConfigError, DataFormatError, UnknownTypeError, did_you_mean
from footmm.pitch.frames import pixel_scaling
from footmm.registry import TRANSFORMS

# On import albumentations asks a server for newer releases; offline that is a wait and a warning.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A

#: How many pixels of the image in one of the result are still sampled well by bilinear
#: interpolation; beyond, the image is halved first.
_MAX_SHRINK = 3**0.5


class UnreadableImageError(DataFormatError):
    """An image file is missing, empty, truncated or no image at all."""


@TRANSFORMS.register_module()
class LoadImageFromFile(mmcv.transforms.LoadImageFromFile):
    """MMCV's reader with one kind of error for every kind of bad file.

    Takes the arguments and sets the keys of :class:`mmcv.transforms.LoadImageFromFile`.
    """

    def transform(self, results: dict) -> dict | None:
        """Read ``results['img_path']`` into ``img``, uint8 (H, W, 3), BGR.

        Raises:
            UnreadableImageError: The file cannot be read or decoded. Training datasets skip and
                count such images; anywhere else the error reaches the user.
        """
        try:
            return super().transform(results)
        except OSError as error:
            reason = error.strerror or str(error)
        except cv2.error:
            reason = "the file is empty"
        except AssertionError:
            reason = "it is not an image, or is cut off"
        raise UnreadableImageError(
            f"{results['img_path']}: the image cannot be read ({reason}); restore the file from "
            "its archive, or remove it together with its annotation"
        )


@TRANSFORMS.register_module()
class Albumentation(BaseTransform):
    """Augmentation by albumentations (2.0 argument names).

    The image is handed over as RGB, which albumentations expects, so colours such as ``fill`` are
    RGB; before and after it is BGR. albumentations keeps generators of its own, which no global
    seed reaches; here they are drawn from NumPy's global generator at every call, so the seeds of
    the data loading workers decide, and all transforms share one stream, so their decisions are
    independent of each other.

    Args:
        transforms: Configs of albumentations transforms: ``type`` is a name of the albumentations
            namespace, a nested ``transforms`` list (``OneOf``, ``Sequential``, ...) works alike.

    Raises:
        UnknownTypeError: albumentations has no transform of that name.
        ConfigError: A transform does not take an argument, or not that value.
    """

    def __init__(self, transforms: list[dict]) -> None:
        self.compose = A.Compose([_build_albumentation(config) for config in transforms])

    def transform(self, results: dict) -> dict:
        """Augment ``img`` (H, W, 3), BGR; sets ``img_shape`` to the new (H, W)."""
        self._seed()
        image = cv2.cvtColor(results["img"], cv2.COLOR_BGR2RGB)
        image = self.compose(image=image)["image"]
        results["img"] = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        results["img_shape"] = results["img"].shape[:2]
        return results

    def _seed(self) -> None:
        # Compose.set_random_seed would give every transform a generator of the SAME seed: with two
        # transforms of p=0.5, either both would run or none. One shared stream has no such tie.
        numpy_seed, python_seed = np.random.randint(2**32, size=2, dtype=np.uint32).tolist()
        self.compose.set_random_state(
            np.random.Generator(np.random.PCG64(numpy_seed)), random.Random(python_seed)
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.compose!r})"


def _build_albumentation(config: dict) -> A.BasicTransform | A.BaseCompose:
    arguments = dict(config)
    name = arguments.pop("type", None)
    cls = _resolve_albumentation(name)
    if "transforms" in arguments:
        arguments["transforms"] = [_build_albumentation(c) for c in arguments["transforms"]]
    try:
        with warnings.catch_warnings():
            # albumentations ignores arguments it does not know with no more than a warning.
            warnings.filterwarnings("error", ".*not valid for transform.*", UserWarning)
            return cls(**arguments)
    except (TypeError, ValueError, UserWarning) as error:
        raise ConfigError(
            f"Albumentation: dict(type='{name}') is not accepted by albumentations "
            f"{A.__version__}: {' '.join(str(error).split())}"
        ) from error


def _resolve_albumentation(name: Any) -> type[A.BasicTransform] | type[A.BaseCompose]:
    bases = (A.BasicTransform, A.BaseCompose)
    found = getattr(A, name, None) if isinstance(name, str) else None
    if isinstance(found, type) and issubclass(found, bases):
        return found
    known = [n for n, c in vars(A).items() if isinstance(c, type) and issubclass(c, bases)]
    hint = did_you_mean(str(name), known, cutoff=0.5)
    raise UnknownTypeError(
        f"Albumentation: type='{name}' is not a transform of albumentations {A.__version__}{hint}"
    )


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an image, ``u' = (u + 0.5) * scale - 0.5``; shrinking takes means over areas.

    Args:
        image: ``(H, W, 3)`` uint8.
        size: Width and height of the result, pixels.

    Returns:
        ``(height, width, 3)`` uint8.
    """
    shrinks = image.shape[1] >= size[0] and image.shape[0] >= size[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def mirror_image(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mirror an image left to right.

    Args:
        image: ``(H, W, 3)`` uint8.

    Returns:
        The new image, and the map ``(3, 3)`` from old to new pixels.
    """
    matrix = np.array([[-1.0, 0.0, image.shape[1] - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return cv2.flip(image, 1), matrix


def warp_image(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], padding: tuple[int, int, int]
) -> np.ndarray:
    """Warp an image by a map of its pixels; smoothed first where it gets much smaller.

    Thin markings would otherwise fall between the samples.

    Args:
        image: ``(H, W, 3)`` uint8.
        matrix: ``(3, 3)``, from pixels of the image to pixels of the result.
        size: Width and height of the result, pixels.
        padding: Colour of what comes in from outside the image.

    Returns:
        ``(height, width, 3)`` uint8.
    """
    while _shrink(matrix, size) > _MAX_SHRINK:
        old_size = image.shape[1::-1]
        half = (old_size[0] // 2, old_size[1] // 2)
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
        matrix = matrix @ pixel_scaling(half, old_size)
    return cv2.warpPerspective(
        image, matrix, size, borderMode=cv2.BORDER_CONSTANT, borderValue=padding
    )


def _shrink(matrix: np.ndarray, size: tuple[int, int]) -> float:
    """Return how many pixels of the old image one in the middle of the new one is wide."""
    inverse = np.linalg.inv(matrix)
    depth = inverse[2] @ [size[0] / 2, size[1] / 2, 1.0]
    return float(abs(np.linalg.det(inverse) / depth**3) ** 0.5)


def sample_generator(
    seed: int | None, results: dict[str, Any], purpose: int
) -> np.random.Generator:
    """Return a source of randomness of a sample.

    Args:
        seed: Decides it together with ``sample_idx``; None: numpy's global state does.
        results: The sample.
        purpose: Keeps apart transforms of one seed.
    """
    if seed is None:
        return np.random.default_rng(np.random.randint(2**31, size=4))
    return np.random.default_rng([seed, results["sample_idx"], purpose])
