"""The challenge submission, from dumped predictions to the json."""

import json
import os
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.structures import ReIDDataSample
from mmengine.evaluator import DumpResults, Evaluator

SCRIPT = Path(__file__).parents[2] / "tools" / "data" / "make_reid_submission.py"


class Attack:
    def __reduce__(self):
        return os.mkdir, (Attack.target,)


@pytest.fixture
def main():
    return runpy.run_path(str(SCRIPT))["main"]


@pytest.fixture
def files(tmp_path):
    """Predictions of 1 query and 3 gallery images in action 1, 1 and 1 in action 2."""
    rows = [("query", 0, 1, 0.0), ("query", 1, 2, 5.0)]
    rows += [("gallery", 0, 1, 3.0), ("gallery", 1, 1, 1.0), ("gallery", 2, 2, 9.0)]
    rows += [("gallery", 3, 1, 2.0)]
    annotations = {"query": {}, "gallery": {}}
    samples = []
    for role, index, action, feature in rows:
        annotations[role][str(index)] = {"bbox_idx": index, "action_idx": action}
        meta = {"role": role, "sample_id": index, "action_id": action, "img_shape": (256, 128)}
        sample = ReIDDataSample(metainfo={**meta, "img_path": "x.png", "scale": np.float64(2)})
        sample.pred_feature = torch.tensor([feature, 1.0])
        samples.append(sample.set_gt_label(3))
    evaluator = Evaluator([DumpResults(str(tmp_path / "results.pkl"))])
    evaluator.process(samples)
    evaluator.evaluate(len(samples))
    (tmp_path / "infos.json").write_text(json.dumps(annotations))
    return tmp_path


def run(main, folder, *options):
    main(
        [
            str(folder / "results.pkl"),
            f"--annotations={folder / 'infos.json'}",
            f"--out={folder / 'ranking.json'}",
            *options,
        ]
    )


def refused(main, folder, capsys):
    with pytest.raises(SystemExit) as caught:
        run(main, folder)
    assert caught.value.code == 2
    assert not (folder / "ranking.json").exists()
    return capsys.readouterr().err


def test_writes_the_ranking(main, files, capsys):
    run(main, files, "--distance=euclidean")
    assert json.loads((files / "ranking.json").read_text()) == {"0": [1, 3, 0], "1": [2]}
    assert "rankings of 2 queries" in capsys.readouterr().out
    assert sorted(path.name for path in files.iterdir()) == [
        "infos.json",
        "ranking.json",
        "results.pkl",
    ]


def test_refuses_predictions_of_another_split(main, files, capsys):
    annotations = json.loads((files / "infos.json").read_text())
    annotations["gallery"]["8"] = {"bbox_idx": 8, "action_idx": 2}
    (files / "infos.json").write_text(json.dumps(annotations))
    error = refused(main, files, capsys)
    assert error == "error: ranking of query '1' (action 2): gallery image 8 is missing\n"


@pytest.mark.parametrize("attack", ["plain", "in a storage"])
def test_refuses_code_in_the_pickle(main, files, capsys, attack):
    Attack.target = str(files / "attacked")
    if attack == "in a storage":
        Storage = type(
            "Storage",
            (),
            {
                "__reduce__": lambda self: (
                    torch.storage._load_from_bytes,
                    (pickle.dumps(Attack(), protocol=2),),
                )
            },
        )
        content = pickle.dumps([Storage()])
    else:
        content = pickle.dumps([Attack()])
    (files / "results.pkl").write_bytes(content)
    assert "cannot read predictions" in refused(main, files, capsys)
    assert not (files / "attacked").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot read predictions"),
        (b"no pickle", "cannot read predictions"),
        (pickle.dumps({"a": 1}), "is no list of predictions"),
        (pickle.dumps([{"role": "query", "img_path": "a.png"}]), "a.png has no 'sample_id'"),
        (pickle.dumps([]), "no query images among the 0 predictions"),
    ],
)
def test_refuses_other_files(main, files, capsys, content, message):
    (files / "results.pkl").write_bytes(content)
    assert message in refused(main, files, capsys)


@pytest.mark.parametrize("content", ["{", "[]", '{"train": {}}'])
def test_refuses_other_annotations(main, files, capsys, content):
    (files / "infos.json").write_text(content)
    assert "infos.json'" in refused(main, files, capsys)
