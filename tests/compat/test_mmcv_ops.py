"""The stand-in for compiled mmcv: who installs it, what it answers, that the libraries import."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import mmcv.ops
import pytest
import torch

from footmm.errors import FootmmError

EXTENSION = sys.modules["mmcv._ext"]

pytestmark = pytest.mark.skipif(
    EXTENSION.__spec__.loader is not None, reason="compiled mmcv is installed: ours stays out"
)


def run_python(code: str, *paths: Path) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(map(str, [*paths, *sys.path])))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_footmm_imports_no_heavy_library():
    heavy = ["torch", "torchvision", "numpy", "mmengine", "mmcv", "mmdet", "mmpose", "cv2"]
    code = f"import sys, footmm; print([name for name in {heavy} if name in sys.modules])"
    assert run_python(code) == "[]"


def test_mmdet_and_mmpose_models_import_after_footmm():
    code = (
        "import footmm, mmdet.models, mmpose.models;"
        "print('DETRHead' in mmdet.registry.MODELS, 'YOLOXPoseHead' in mmpose.registry.MODELS)"
    )
    assert run_python(code).endswith("True True")


def test_a_compiled_extension_on_disk_is_left_alone(tmp_path):
    package = tmp_path / "mmcv"
    package.mkdir()
    (package / "__init__.py").write_text("")
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (package / f"_ext{suffix}").write_bytes(b"")
    code = "import sys, footmm; print('mmcv._ext' in sys.modules, 'mmcv' in sys.modules)"
    assert run_python(code, tmp_path) == "False False"
    (package / f"_ext{suffix}").unlink()
    assert run_python(code, tmp_path) == "True False"


def test_an_extension_that_is_already_loaded_is_left_alone():
    code = (
        "import sys, types; ours = sys.modules['mmcv._ext'] = types.ModuleType('mmcv._ext');"
        "import footmm; print(sys.modules['mmcv._ext'] is ours)"
    )
    assert run_python(code) == "True"


def test_openmmlab_still_sees_that_mmcv_is_not_compiled():
    assert importlib.util.find_spec("mmcv._ext").loader is None
    if hasattr(pkgutil, "find_loader"):  # gone in Python 3.14
        from mmcv.utils.ext_loader import check_ops_exist
        from mmengine.utils.dl_utils.misc import mmcv_full_available

        assert not check_ops_exist()
        assert not mmcv_full_available()


def test_an_op_without_implementation_names_itself_and_the_fix():
    features = torch.zeros(1, 1, 4, 4)
    rois = torch.tensor([[0.0, 0.0, 0.0, 3.0, 3.0]])
    with pytest.raises(FootmmError) as raised:
        mmcv.ops.roi_pool(features, rois, 2, 1.0)
    message = str(raised.value)
    assert "'roi_pool_forward'" in message
    assert "pip uninstall mmcv-lite" in message
    assert torch.__version__ in message


@pytest.mark.parametrize("name", ["__path__", "__wrapped__", "_private"])
def test_names_that_are_no_ops_are_no_attributes(name):
    assert not hasattr(EXTENSION, name)


def test_mmcv_can_print_its_environment():
    assert "mmcv-lite" in mmcv.ops.get_compiler_version()
    assert mmcv.ops.get_compiling_cuda_version() == "not available"
