from __future__ import annotations

import numpy as np
import pytest
from mmengine.hooks import CheckpointHook

from footmm.apis.runner import test as run_test
from footmm.compat.checkpoints import install_safe_checkpoint_loading, load_checkpoint_file
from footmm.engine.hooks import ScoreThresholdHook
from footmm.errors import CheckpointError
from footmm.evaluation.functional import LocSimFrame
from footmm.evaluation.metrics import LocSimMetric
from footmm.evaluation.metrics.synloc import _ScoredImage


class ScriptedMetric(LocSimMetric):
    """Evaluation i finds an athlete in each image with score i of the script, or misses all (0).

    The best F1 is at the last recall, so the threshold is half of the score.
    """

    def __init__(self, *script, **options):
        super().__init__(**options)
        self.script = list(script)

    def process(self, data_batch, data_samples):
        score = self.script[0]
        for _ in data_samples:
            where = np.zeros((1, 2)) if score else np.full((1, 2), 9.0)
            truth = np.zeros((1, 2)), np.ones(1), np.zeros(1, dtype=bool)
            frame = LocSimFrame(where, np.array([score]), np.ones(1), *truth)
            self.results.append(_ScoredImage(len(self.results), frame))

    def compute_metrics(self, results):
        self.script.pop(0)
        return super().compute_metrics(results)


@pytest.fixture
def build(make_runner):
    """Build a Runner whose validations find the scores of a script."""

    def build(*script, tests=(), **options):
        install_safe_checkpoint_loading()
        checkpoint = {"type": "CheckpointHook", **options.pop("checkpoint", {"interval": 1})}
        default_hooks = {"checkpoint": checkpoint}
        runner = make_runner([ScoreThresholdHook()], default_hooks=default_hooks, **options)
        runner.val_evaluator.metrics.append(ScriptedMetric(*script))
        runner.test_evaluator.metrics.extend(tests)
        return runner

    return build


def threshold_in(runner, name):
    return load_checkpoint_file(f"{runner.work_dir}/{name}.pth")["meta"].get("score_threshold")


def validate_every_second_epoch(runner):
    runner.train_loop.val_interval = 2
    runner.train_loop.dynamic_intervals = [2]


def test_checkpoints_carry_the_threshold_of_their_own_validation(build):
    checkpoint = {"interval": 1, "save_best": "synloc/mAP_locsim", "rule": "greater"}
    runner = build(0.8, 0.6, checkpoint=checkpoint)
    runner.train()
    assert threshold_in(runner, "epoch_1") == 0.4
    assert threshold_in(runner, "epoch_2") == 0.3
    assert threshold_in(runner, "best_synloc_mAP_locsim_epoch_1") == 0.4


def test_weights_that_were_not_validated_carry_none(build):
    runner = build(0.8, 0.6, epochs=3)
    validate_every_second_epoch(runner)
    runner.train()
    assert [threshold_in(runner, f"epoch_{n}") for n in (1, 2, 3)] == [None, 0.4, 0.3]


def test_an_older_checkpoint_does_not_get_the_threshold_of_a_later_validation(build):
    runner = build(0.8, 0.6, epochs=4, checkpoint={"interval": 3, "save_last": False})
    validate_every_second_epoch(runner)
    runner.train()
    assert runner.message_hub.get_info("last_ckpt").endswith("epoch_3.pth")
    assert threshold_in(runner, "epoch_3") is None


def test_iteration_based_training(build):
    checkpoint = {"interval": 1, "by_epoch": False}
    runner = build(0.8, 0.6, iterations=4, checkpoint=checkpoint)
    runner.train()
    found = [threshold_in(runner, f"iter_{n}") for n in (1, 2, 3, 4)]
    assert found == [None, 0.4, None, 0.3]


def test_validation_without_a_right_detection_finds_none(build):
    runner = build(0.8, 0)
    runner.train()
    assert threshold_in(runner, "epoch_1") == 0.4
    assert threshold_in(runner, "epoch_2") is None


def test_training_without_the_metric_works(build):
    runner = build()
    runner.val_evaluator.metrics.pop()
    runner.train()
    assert threshold_in(runner, "epoch_2") is None


def test_weights_that_moved_on_carry_none(build):
    runner = build(0.8, epochs=1)
    runner.train()
    runner.save_checkpoint(runner.work_dir, "validated.pth")
    runner.call_hook("before_train_iter", batch_idx=0, data_batch=None)
    runner.save_checkpoint(runner.work_dir, "interrupted.pth")
    assert threshold_in(runner, "validated") == 0.4
    assert threshold_in(runner, "interrupted") is None


def test_the_rewritten_checkpoint_is_otherwise_unchanged_and_resumes(build, tmp_path):
    runner = build(0.8, epochs=1)
    saved = {}

    class KeepCopy(CheckpointHook):
        """Reads the checkpoint before it is rewritten."""

        def after_val_epoch(self, runner, metrics=None):
            saved.update(load_checkpoint_file(f"{runner.work_dir}/epoch_1.pth"))

    runner.register_hook(KeepCopy(), priority="LOWEST")
    runner.train()
    path = f"{runner.work_dir}/epoch_1.pth"
    rewritten = load_checkpoint_file(path)
    assert saved.keys() == rewritten.keys()
    assert rewritten["meta"] == {**saved["meta"], "score_threshold": 0.4}
    for name, weights in saved["state_dict"].items():
        assert weights.equal(rewritten["state_dict"][name])
    assert rewritten["state_dict"]._metadata == saved["state_dict"]._metadata
    assert [file.name for file in tmp_path.glob("work/.*")] == []

    resumed = build(0.6, epochs=2, load_from=path, resume=True)
    resumed.train()
    assert (resumed.epoch, resumed.iter) == (2, 4)
    assert threshold_in(resumed, "epoch_1") == 0.4
    assert threshold_in(resumed, "epoch_2") == 0.3


def test_a_test_takes_the_threshold_of_its_checkpoint(build):
    trained = build(0.8, 0.6, epochs=3)
    validate_every_second_epoch(trained)
    trained.train()

    asking = ScriptedMetric(0.9, score_threshold="validation")
    fixed = ScriptedMetric(0.9, score_threshold=0.2, prefix="fixed")
    tester = build(tests=[asking, fixed])
    figures = run_test(tester, f"{trained.work_dir}/epoch_2.pth")
    assert figures["synloc/score_threshold"] == 0.4
    assert figures["fixed/score_threshold"] == 0.2

    metric = ScriptedMetric(0.9, score_threshold="validation")
    metric.validation_threshold = 0.1
    tester = build(tests=[metric])
    figures = run_test(tester, f"{trained.work_dir}/epoch_1.pth")
    # There was none, so it is the best one on the test data.
    assert figures["synloc/score_threshold"] == 0.45


def test_a_test_after_the_training_takes_the_threshold_of_the_last_validation(build):
    metric = ScriptedMetric(0.9, score_threshold="validation")
    runner = build(0.8, 0.6, tests=[metric])
    runner.train()
    assert runner.test()["synloc/score_threshold"] == 0.3


@pytest.mark.parametrize("value", ["0.5", float("nan"), [0.5]])
def test_refuses_a_threshold_that_is_no_number(value):
    checkpoint = {"meta": {"score_threshold": value}}
    with pytest.raises(CheckpointError, match=r"meta\['score_threshold'\] of the checkpoint is"):
        ScoreThresholdHook().after_load_checkpoint(None, checkpoint)


def test_weights_without_meta_are_loaded():
    hook = ScoreThresholdHook()
    hook.threshold = 0.5
    hook.after_load_checkpoint(None, {"state_dict": {}})
    assert hook.threshold is None


def test_a_checkpoint_elsewhere_is_left_alone_with_a_warning(build, read_log):
    runner = build(0.8)
    hook = ScoreThresholdHook()
    hook.before_save_checkpoint(runner, {"meta": {}})
    hook.threshold = 0.4
    runner.message_hub.update_info("last_ckpt", "s3://bucket/epoch_1.pth")
    hook.after_val(runner)
    assert "s3://bucket/epoch_1.pth is no local file" in read_log(runner)
