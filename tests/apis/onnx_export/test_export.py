from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mmdet.structures import DetDataSample, ReIDDataSample
from mmengine.config import Config
from mmengine.model import BaseModule
from mmengine.registry import init_default_scope
from mmengine.structures import BaseDataElement
from torch import nn
from torch_geometric.data import Data

import footmm
from footmm.apis.config import load_config
from footmm.apis.onnx_export import export_onnx, load_graph
from footmm.apis.onnx_export.check import OutputDifference, check_differences, compare
from footmm.apis.onnx_export.graph import ExportError
from footmm.errors import CheckpointError, ConfigError
from footmm.models.reid import ReIDModel
from footmm.registry import MODELS
from footmm.structures.detected_objects import BALL

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "configs"
MODEL_CONFIGS = sorted(p for p in CONFIGS.glob("*/*.py") if p.parent.name != "_base_")

DOCUMENT = ROOT / "docs" / "deployment.md"

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

#: ResNet18 of a quarter of its width.
RESNET18 = {
    "model.backbone.depth": 18,
    "+model.backbone.stem_channels": 16,
    "+model.backbone.base_channels": 16,
}
#: A config of each architecture, and what makes it small.
ARCHITECTURES = {
    "reid/osnet_synthetic": {"input_size": (64, 32)},
    "homography/resnet50_kp57_lines": RESNET18
    | {
        "input_size": (64, 96),
        "model.head.in_channels": 128,
        "+model.head.deconv_out_channels": (16, 16, 16),
    },
    "synloc/yoloxpose_tiny_640": {"input_size": (64, 96)},
    "synloc/yoloxpose_tiny_640_simcc": {"input_size": (64, 96)},
    "detection/detr_r50_ball": RESNET18
    | {
        "input_size": (54, 96),
        "model.neck.in_channels": [128],
        "model.center_neck.in_channels": (16, 32, 64, 128),
        "model.encoder.num_layers": 1,
        "model.decoder.num_layers": 1,
    },
    "detection/conditional_detr_r50": RESNET18
    | {
        "input_size": (54, 96),
        "model.neck.in_channels": [128],
        "model.encoder.num_layers": 1,
        "model.decoder.num_layers": 2,
    },
    "detection/dino_r50": RESNET18
    | {
        "input_size": (72, 128),
        "num_queries": 30,
        "model.neck.in_channels": [32, 64, 128],
        "model.encoder.num_layers": 1,
        "model.decoder.num_layers": 1,
    },
    "detection/detr_r50_synthetic": {
        "test_input_size": (160, 256),
        "num_queries": 20,
        "model.decoder.num_layers": 1,
    },
    "trajectory/baller2vec_synthetic": {"num_layers": 1, "embed_dims": 16},
    "ball3d/efficientnet_b3_tcn": {
        "num_frames": 12,
        "num_layers": 1,
        "crop_size": 32,
        "model.refiner.backbone": {"type": "ExportTestCropBackbone"},
    },
    "tactics/gat_bilstm_synthetic": {"num_layers": 2, "embed_dims": 16, "frame_step": 45},
}


@MODELS.register_module()
class ExportTestCropBackbone(nn.Module):
    """Stands for EfficientNet-B3: 1536 channels at stride 32."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 1536, 32, 32)

    def forward(self, inputs):
        return self.conv(inputs)


@MODELS.register_module()
class ExportTestBackbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, inputs):
        return (self.conv(inputs).relu(),)


@MODELS.register_module()
class FixedBatchReID(ReIDModel):
    """Its graph has the length of the traced batch in it."""

    def extract_features(self, inputs):
        features = super().extract_features(inputs)
        return features._replace(
            after_bn=features.after_bn.expand(len(inputs), -1).view(-1, 8)[: len(inputs)]
        )


@MODELS.register_module()
class EigenvalueReID(ReIDModel):
    """ONNX has no eigenvalues."""

    def extract_features(self, inputs):
        features = super().extract_features(inputs)
        return features._replace(
            after_bn=torch.linalg.eigvalsh(
                features.before_bn[:, :, None] @ features.before_bn[:, None]
            )
        )


@MODELS.register_module()
class UnknownModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)


def checkpoint_of(config, folder):
    """An untrained checkpoint, no parameter of which is zero."""
    torch.manual_seed(3)
    init_default_scope("footmm")
    model = MODELS.build(config.model)
    if isinstance(model, BaseModule):
        with patch("footmm.models.common.pretrained._download", return_value="no downloads"):
            model.init_weights()
    for name, parameter in model.named_parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.05)
        if name.endswith("cls_branches.0.bias"):
            nn.init.zeros_(parameter)
    path = folder / "model.pth"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Exports of the architectures, each made when it is first asked for."""
    made = {}

    def export(name):
        if name not in made:
            folder = tmp_path_factory.mktemp("export")
            config = load_config(CONFIGS / f"{name}.py", ARCHITECTURES[name])
            checkpoint = checkpoint_of(config, folder)
            made[name] = export_onnx(config, checkpoint, folder / "out" / "model.onnx")
        return made[name]

    return export


def onnx_outputs(exported, inputs):
    """What plain onnxruntime computes, by name."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(exported.path), options)
    names = [value.name for value in session.get_outputs()]
    feed = dict(zip(exported.graph.inputs, (value.numpy() for value in inputs), strict=True))
    return dict(zip(names, map(torch.from_numpy, session.run(None, feed)), strict=True))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_exported_for_any_batch(exports, name):
    exported = exports(name)
    assert [path.name for path in exported.path.parent.iterdir()] == ["model.onnx"]
    assert exported.batches == (1, 2, 3)
    assert {found.name for found in exported.differences} == set(exported.graph.outputs)
    inputs = exported.graph.draw(4, np.random.default_rng(9))
    with torch.no_grad():
        wanted = dict(zip(exported.graph.outputs, exported.graph(*inputs), strict=True))
    moving = 0
    for output, found in onnx_outputs(exported, inputs).items():
        shape = exported.shapes[output]
        assert shape[0] == "batch"
        assert found.shape == (4, *shape[1:])
        size = wanted[output].abs().max() if found.dtype != torch.bool else 1
        tolerance = exported.graph.tolerance * float(size)
        torch.testing.assert_close(found, wanted[output], atol=tolerance, rtol=0)
        moving += found.double().std() > 0
    assert moving > len(wanted) / 2


def normalised(images):
    """BGR images as networks that know ImageNet take them."""
    mean, std = (torch.tensor(part).view(3, 1, 1) for part in (MEAN, STD))
    return (images.flip(1).float() - mean) / std


def _reid(model, images):
    data = {"inputs": list(images), "data_samples": [ReIDDataSample() for _ in images]}
    samples = model.test_step(data)
    return {
        name: torch.stack([sample.get(f"pred_{name}") for sample in samples])
        for name in ("feature", "jersey", "body_shape")
    }


def _homography(model, images):
    return {"heatmaps": model.head.forward(model.extract_feat(normalised(images))).sigmoid()}


def _trajectory(model, *inputs):
    names = ("positions", "present", "team", "goalkeeper")
    samples = [
        BaseDataElement(metainfo={"num_observed": model.num_observed})
        for _ in range(len(inputs[0]))
    ]
    found = model.test_step(
        {"inputs": dict(zip(names, map(list, inputs), strict=True)), "data_samples": samples}
    )
    kept = ("embedding", "positions", "scales", "scores")
    stacked = [torch.stack([sample.get(f"pred_{name}") for sample in found]) for name in kept]
    return dict(zip(("embedding", *(f"future_{name}" for name in kept[1:])), stacked, strict=True))


def _ball3d(model, *inputs):
    names = ("origins", "rays", "ray_jacobian", "diameters", "scores", "observed")
    sizes = inputs[len(names)]
    samples = [BaseDataElement(metainfo={"pitch_size": tuple(size.tolist())}) for size in sizes]
    given = dict(zip(names, map(list, inputs), strict=False))
    if model.refiner is not None:
        given["crops"] = list(inputs[-1])
    found = model.test_step({"inputs": given, "data_samples": samples})
    kept = ("positions", "velocities", "scales", "mode_scores", "reliable")
    return {name: torch.stack([sample.get(f"pred_{name}") for sample in found]) for name in kept}


def _tactics(model, nodes, edges, features, present, team, now):
    size = nodes[0, ..., 0].numel()
    graphs = [
        Data(
            x=nodes[i].flatten(0, 1),
            edge_index=edges[:, edges[0] // size == i] - i * size,
            edge_attr=features[edges[0] // size == i],
            present=present[i].flatten(),
            team=team[i : i + 1],
            now=now[i : i + 1],
        )
        for i in range(len(nodes))
    ]
    samples = [BaseDataElement(graph_edges=graph.edge_index) for graph in graphs]
    found = model.test_step({"inputs": graphs, "data_samples": samples})
    names = {"formation": "formation", "role": "role", "strategy": "strategy"}
    wanted = {
        name: torch.stack([sample.get(f"pred_{field}") for sample in found])
        for name, field in names.items()
    }
    places = torch.stack([sample.pred_positions[0] for sample in found])
    return wanted | {"next_positions": places}


@pytest.mark.parametrize(
    ("name", "predict"),
    [
        ("reid/osnet_synthetic", _reid),
        ("homography/resnet50_kp57_lines", _homography),
        ("trajectory/baller2vec_synthetic", _trajectory),
        ("ball3d/efficientnet_b3_tcn", _ball3d),
        ("tactics/gat_bilstm_synthetic", _tactics),
    ],
)
def test_file_says_what_footmm_predicts(exports, name, predict):
    exported = exports(name)
    inputs = exported.graph.draw(2, np.random.default_rng(4))
    with torch.no_grad():
        wanted = predict(exported.graph.model, *inputs)
    found = onnx_outputs(exported, inputs)
    assert wanted
    for output, value in wanted.items():
        size = float(value.abs().max()) if value.dtype != torch.bool else 1.0
        tolerance = exported.graph.tolerance * size
        torch.testing.assert_close(found[output], value, atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", ["synloc/yoloxpose_tiny_640", "synloc/yoloxpose_tiny_640_simcc"])
def test_cells_are_what_the_head_finds_before_suppression(exports, name):
    exported = exports(name)
    (images,) = exported.graph.draw(2, np.random.default_rng(4))
    model, (height, width) = exported.graph.model, exported.graph.input_size
    samples = [DetDataSample(metainfo={"input_size": (width, height)})] * 2
    with torch.no_grad():
        # No normalisation, and OpenCV's order of the channels.
        everything = {"score_thr": -1.0, "nms_thr": 1.0}
        wanted = model.head.predict(model.extract_feat(images.float()), samples, everything)
    found = onnx_outputs(exported, (images,))
    for i, instances in enumerate(wanted):
        order = found["scores"][i].argsort(descending=True, stable=True)
        limits = torch.tensor([width, height, width, height])
        boxes = found["boxes"][i].clamp(min=0).minimum(limits)
        # Neighbours in the order of scores may be exchanged by rounding: compare sums.
        torch.testing.assert_close(
            found["scores"][i][order], instances.bbox_scores, atol=1e-5, rtol=1e-4
        )
        for cells, given in (
            (boxes, instances.bboxes),
            (found["keypoints"][i], instances.keypoints),
            (found["keypoint_scores"][i], instances.keypoint_scores),
        ):
            assert cells.shape == given.shape
            torch.testing.assert_close(cells.sum(0), given.sum(0), atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name.startswith("detection")])
def test_queries_are_what_the_detector_finds(exports, name):
    exported = exports(name)
    (images,) = exported.graph.draw(2, np.random.default_rng(4))
    model, size = exported.graph.model, exported.graph.input_size
    samples = [
        DetDataSample(metainfo={"img_shape": size, "batch_input_shape": size}) for _ in images
    ]
    with torch.no_grad():
        maps, centers = model.extract_feat(normalised(images))
        decoded = model.decode(maps, centers, samples)
        wanted = model.bbox_head.predict(**decoded, batch_data_samples=samples, rescale=False)
        balls = (
            model.center_head.predict(centers, label=BALL)
            if "ball_boxes" in exported.graph.outputs
            else ()
        )
    found = onnx_outputs(exported, (images,))
    for i, instances in enumerate(wanted):
        scores, boxes = found["scores"][i], found["boxes"][i]
        if model.bbox_head.loss_cls.use_sigmoid:
            best, numbers = scores.flatten().sort(descending=True)
            chosen = numbers[: len(instances)] // 3
        else:
            best, numbers = scores.max(1).values.sort(descending=True)
            chosen = numbers
        torch.testing.assert_close(best[: len(instances)], instances.scores, atol=1e-5, rtol=0)
        torch.testing.assert_close(
            boxes[chosen].mean(0), instances.bboxes.mean(0), atol=0.05, rtol=0
        )
    for i, instances in enumerate(balls):
        torch.testing.assert_close(found["ball_scores"][i], instances.scores, atol=1e-5, rtol=0)
        torch.testing.assert_close(found["ball_boxes"][i], instances.bboxes, atol=1e-2, rtol=0)


def test_frames_fill_the_input_of_a_detector(exports, monkeypatch):
    """16:9 fitted into (160, 256), and rounded up to what the model pads to."""
    graph = exports("detection/detr_r50_synthetic").graph
    assert graph.input_size == (160, 256)
    assert graph.default_size() == (144, 256)
    monkeypatch.setattr(graph, "config", Config({"input_size": (90, 256)}))
    assert graph.default_size() == (90, 160)


@pytest.mark.parametrize(
    ("name", "changed", "known"),
    [
        ("trajectory/baller2vec_synthetic", "positions", "present"),
        ("ball3d/efficientnet_b3_tcn", "rays", "observed"),
    ],
)
def test_what_is_missing_may_be_nan(exports, name, changed, known):
    exported = exports(name)
    inputs = dict(
        zip(exported.graph.inputs, exported.graph.draw(2, np.random.default_rng(6)), strict=True)
    )
    assert not inputs[known].all()
    wanted = onnx_outputs(exported, inputs.values())
    broken = inputs | {changed: inputs[changed].masked_fill(~inputs[known][..., None], torch.nan)}
    for output, found in onnx_outputs(exported, broken.values()).items():
        torch.testing.assert_close(found, wanted[output])


def test_metadata_says_what_the_file_is(exports):
    exported = exports("reid/osnet_synthetic")
    session = onnxruntime.InferenceSession(str(exported.path))
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["task"] == "reid"
    assert facts["config"] == "osnet_synthetic"
    assert facts["checkpoint"] == "model.pth"
    assert facts["footmm_version"] == footmm.__version__
    assert json.loads(facts["input_size"]) == [64, 32]
    assert json.loads(facts["mean"]) == pytest.approx(MEAN)
    assert json.loads(facts["std"]) == pytest.approx(STD)
    assert "cv2.imread" in json.loads(facts["inputs"])["images"]
    assert set(json.loads(facts["outputs"])) == {"feature", "jersey", "body_shape"}
    assert [value.shape for value in session.get_inputs()] == [["batch", 3, 64, 32]]
    assert session.get_inputs()[0].type == "tensor(uint8)"
    onnx.checker.check_model(onnx.load(exported.path))


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("detection/dino_r50", ["player", "ball", "referee"]),
        ("synloc/yoloxpose_tiny_640", ["athlete"]),
        ("ball3d/efficientnet_b3_tcn", ["fly", "roll", "possessed", "out"]),
    ],
)
def test_metadata_names_the_classes(exports, name, classes):
    assert exports(name).graph.facts()["classes"] == classes


def test_metadata_of_the_ball_holds_its_learned_constants(exports):
    model = exports("ball3d/efficientnet_b3_tcn").graph.model
    facts = exports("ball3d/efficientnet_b3_tcn").graph.facts()
    assert facts["physics"]["drag"] == pytest.approx(model.head.physics.physics().drag.item())
    assert facts["rate"] == 25.0


def test_heatmaps_have_names(exports):
    facts = exports("homography/resnet50_kp57_lines").graph.facts()
    assert len(facts["classes"]) == exports("homography/resnet50_kp57_lines").shapes["heatmaps"][1]


def test_example_of_the_documentation_runs(exports, tmp_path, monkeypatch, capsys):
    path = exports("reid/osnet_synthetic").path
    rng = np.random.default_rng(0)
    for number in (1, 2):
        crop = rng.integers(0, 256, (90, 40, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"player_{number}.png"), crop)
    example = re.search(r"```python\n(.+?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)[1]
    named = "work_dirs/osnet_synthetic/epoch_11.onnx"
    assert named in example
    monkeypatch.chdir(tmp_path)
    exec(example.replace(named, str(path)), {})
    similarity, *numbers = re.findall(r"-?[\d.]+", capsys.readouterr().out)
    assert -1 <= float(similarity) <= 1
    assert len(numbers) == 2


# refusals, with a model of one convolution


@pytest.fixture
def tiny(tmp_path):
    """Returns the config and the checkpoint of a tiny model, and where to export it."""

    def make(kind="ReIDModel", **keys):
        head = dict(
            type="AppearanceHead",
            num_classes=5,
            in_channels=8,
            loss_softmax=dict(type="LabelSmoothSoftmaxLoss"),
        )
        model = dict(
            type=kind,
            backbone=dict(type="ExportTestBackbone"),
            neck=dict(type="BNNeck", in_channels=4, out_channels=8),
            appearance_head=head,
            data_preprocessor=dict(type="ImgDataPreprocessor", pad_size_divisor=4),
        )
        config = Config(dict(model=model, default_scope="footmm", input_size=(8, 8)) | keys)
        return config, checkpoint_of(config, tmp_path), tmp_path / "out" / "tiny.onnx"

    return make


def _refused(error, *arguments, **keys):
    with pytest.raises(error) as caught:
        export_onnx(*arguments, **keys)
    return str(caught.value)


def test_file_appears_only_when_it_computes_the_same(tiny, monkeypatch):
    config, checkpoint, out = tiny()
    out.parent.mkdir()
    out.write_bytes(b"the one before")
    real = onnx.save

    def save_another(model, path):
        weight = next(w for w in model.graph.initializer if len(w.dims) == 4)
        values = onnx.numpy_helper.to_array(weight) * np.float32(1.01)
        weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
        real(model, path)

    monkeypatch.setattr(onnx, "save", save_another)
    message = _refused(ExportError, config, checkpoint, out)
    assert "'feature'" in message
    assert "1e-03 is allowed" in message
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert out.read_bytes() == b"the one before"
    monkeypatch.undo()
    export_onnx(config, checkpoint, out)
    assert onnxruntime.InferenceSession(str(out)).get_inputs()[0].name == "images"


def test_graph_of_one_batch_size_is_refused(tiny):
    config, checkpoint, out = tiny("FixedBatchReID")
    assert "batch of 1" in _refused(ExportError, config, checkpoint, out)
    assert not list(out.parent.iterdir())


def test_function_that_onnx_does_not_have_is_named(tiny, capsys):
    config, checkpoint, out = tiny("EigenvalueReID")
    message = _refused(ExportError, config, checkpoint, out)
    assert "EigenvalueReID cannot be exported" in message
    assert "eig" in message
    assert "\n" not in message
    assert "graph(" not in capsys.readouterr().out


def test_unknown_model_is_refused(tmp_path):
    config = Config(dict(model=dict(type="UnknownModel"), default_scope="footmm"))
    checkpoint = checkpoint_of(config, tmp_path)
    message = _refused(ExportError, config, checkpoint, tmp_path / "model.onnx")
    assert "builds a UnknownModel" in message
    assert "ReIDModel" in message


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_missing_extra_is_named(tiny, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    message = _refused(ExportError, *tiny())
    assert f"needs the package {package}," in message
    assert "pip install -e '.[export]'" in message


def test_wrong_checkpoint_is_refused_before_anything_is_written(tiny, tmp_path):
    config, _, out = tiny()
    other = tmp_path / "other.pth"
    torch.save({"state_dict": {"weight": torch.zeros(1)}}, other)
    assert "of another model" in _refused(CheckpointError, config, other, out)
    assert not out.exists()


def test_place_that_cannot_be_written_is_refused(tiny, tmp_path):
    config, checkpoint, _ = tiny()
    assert "it is a folder" in _refused(ConfigError, config, checkpoint, tmp_path)
    (tmp_path / "file").touch()
    message = _refused(ConfigError, config, checkpoint, tmp_path / "file" / "model.onnx")
    assert "cannot be written" in message


def test_input_size_is_chosen_and_checked(tiny):
    config, checkpoint, out = tiny()
    exported = export_onnx(config, checkpoint, out, (12, 16))
    assert exported.shapes["images"] == ("batch", 3, 12, 16)
    assert "multiples of 4" in _refused(ConfigError, config, checkpoint, out, (12, 15))
    config, checkpoint, out = tiny(input_size=None)
    assert "give --input-size" in _refused(ConfigError, config, checkpoint, out)
    with pytest.raises(ConfigError, match="do not take whole images"):
        _graph_of_tracks(checkpoint.parent, input_size=(8, 8))


def _graph_of_tracks(folder, **keys):
    name = "trajectory/baller2vec_synthetic"
    config = load_config(CONFIGS / f"{name}.py", ARCHITECTURES[name])
    return load_graph(config, checkpoint_of(config, folder), **keys)


@pytest.mark.parametrize(
    ("keys", "told"), [({"batches": ()}, "batches=()"), ({"tolerance": -1}, "-1")]
)
def test_impossible_arguments_are_refused(tiny, keys, told):
    assert told in _refused(ConfigError, *tiny(), **keys)


def test_differences_are_the_largest_of_all_batches(tiny):
    config, checkpoint, out = tiny()
    graph = export_onnx(config, checkpoint, out).graph

    class Session:
        """Is off by the size of the batch, and by a nan where that is 4."""

        def run(self, names, feed):
            batch = len(feed["images"])
            with torch.no_grad():
                (feature,) = graph(torch.from_numpy(feed["images"]))
            return [(feature + (batch if batch < 4 else torch.nan)).numpy()]

    (found,) = compare(graph, Session(), [1, 3, 2])
    assert found.absolute == pytest.approx(3.0)
    (broken,) = compare(graph, Session(), [1, 4, 1])
    assert broken.absolute == broken.relative == np.inf
    check_differences([OutputDifference("a", 1.0, 1e-3)], 1e-3)
    with pytest.raises(ExportError, match="'b'"):
        check_differences(
            [OutputDifference("a", 1.0, 1e-3), OutputDifference("b", np.inf, np.nan)], 1e-3
        )


@pytest.mark.slow
@pytest.mark.parametrize("path", MODEL_CONFIGS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_config_is_exported(path, tmp_path):
    small = {
        "ball3d": {"num_frames": 10},
        "detection": {"input_size": (96, 160)},
        "homography": {"input_size": (128, 224)},
        "synloc": {"input_size": (96, 160)},
    }.get(path.parent.name, {})
    size = (192, 320) if path.parent.name in ("detection", "synloc") else None
    config = load_config(path, small)
    exported = export_onnx(config, checkpoint_of(config, tmp_path), tmp_path / "out.onnx", size)
    assert exported.path.is_file()
