"""The whole model in MMEngine's three modes, and its vectors."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.structures import BaseDataElement

from footmm.errors import ConfigError
from footmm.structures.predicted_trajectories import PredictedTrajectories

OBSERVED, FUTURE = 5, 3
HEADS = ("forecast_head", "reconstruction_head", "contrastive_head")
LOSSES = ["loss_contrastive", "loss_forecast", "loss_reconstruction"]
THREE_FUTURES = dict(type="ForecastHead", num_frames=FUTURE, rate=5.0, num_modes=3)


def batch(tracks):
    """What a data loader gives."""
    samples = []
    for window in range(len(tracks.team)):
        inputs = {name: part[window] for name, part in tracks._asdict().items()}
        meta = dict(
            match="a",
            source="test",
            rate=5.0,
            frame_ids=range(tracks.positions.shape[1]),
            pitch_size=(105.0, 68.0),
            agent_ids=["1"] * 7,
            num_observed=OBSERVED,
        )
        samples.append(dict(inputs=inputs, data_samples=BaseDataElement(metainfo=meta, **inputs)))
    return pseudo_collate(samples)


def losses(model, tracks):
    torch.manual_seed(1)
    return model(tracks._asdict(), mode="loss")


def close(first, second):
    return torch.allclose(first, second, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("frames", [3, 5, 10, 12])
def test_shapes_of_the_vectors(build, make_tracks, frames):
    model = build().eval()
    tracks = make_tracks(frames=frames)
    agents, of_frames, window = model.embed(tracks._asdict())
    assert agents.shape == (3, 7, 16)
    assert of_frames.shape == (3, frames, 48)
    assert window.shape == (3, 48)
    assert torch.equal(window, model(tracks._asdict()))
    # One player of the first window is never there.
    assert not agents[0, 1].any()
    assert agents.any(-1).sum() == 20


@torch.no_grad()
def test_vectors_of_an_observed_window_are_the_pooled_tokens(build, make_tracks):
    model = build().eval()
    tracks = make_tracks(frames=OBSERVED)
    expected = model.pooling(model.encode(tracks), tracks)
    for found, pooled in zip(model.embed(tracks._asdict()), expected, strict=True):
        assert torch.equal(found, pooled)


@torch.no_grad()
def test_long_windows_are_read_in_pieces(build, make_tracks):
    """The last one overlaps, so that it is as long as the others."""
    model = build().eval()
    tracks = make_tracks(frames=12)
    pieces = [model.encode(tracks.frames(start, start + 5)) for start in (0, 5, 7)]
    tokens = torch.cat((pieces[0], pieces[1], pieces[2][:, 3:]), dim=1)
    expected = model.pooling(tokens, tracks)
    for found, pooled in zip(model.embed(tracks._asdict()), expected, strict=True):
        assert close(found, pooled)


@torch.no_grad()
@pytest.mark.parametrize("causal", [True, False])
def test_vectors_and_predictions_follow_team_mates(build, tracks, causal):
    model = build(encoder=dict(num_layers=2, num_heads=2, causal=causal)).eval()
    order = [2, 0, 1, 5, 3, 4, 6]
    other = type(tracks)(
        tracks.positions[:, :, order],
        tracks.present[:, :, order],
        tracks.team,
        tracks.goalkeeper[:, order],
    )
    first, second = (model.embed(value._asdict()) for value in (tracks, other))
    assert close(second.agents, first.agents[:, order])
    assert not close(second.agents, first.agents)
    assert close(second.frames, first.frames)
    assert close(second.window, first.window)
    first, second = (model.test_step(batch(value)) for value in (tracks, other))
    for one, two in zip(first, second, strict=True):
        assert close(two.pred_positions, one.pred_positions[:, :, order])
        assert close(two.pred_scales, one.pred_scales[:, :, order])


@torch.no_grad()
def test_positions_of_who_is_missing_do_not_matter(build, tracks, with_garbage):
    model = build(forecast_head=THREE_FUTURES)
    first, second = (losses(model, value) for value in (tracks, with_garbage(tracks)))
    assert all(close(first[name], second[name]) for name in [*LOSSES, "loss_mode"])
    model.eval()
    first, second = (model.test_step(batch(value)) for value in (tracks, with_garbage(tracks)))
    for window, (one, two) in enumerate(zip(first, second, strict=True)):
        there = tracks.present[window, OBSERVED - 1]
        assert close(two.pred_positions[:, :, there], one.pred_positions[:, :, there])
        assert close(two.pred_scores, one.pred_scores)
        assert close(two.pred_embedding, one.pred_embedding)


@torch.no_grad()
def test_predict_fills_the_data_samples(build, tracks):
    model = build(forecast_head=THREE_FUTURES).eval()
    predicted = model.test_step(batch(tracks))
    vectors = model(tracks._asdict())
    assert len(predicted) == 3
    for window, sample in enumerate(predicted):
        assert sample.pred_positions.shape == sample.pred_scales.shape == (3, FUTURE, 7, 2)
        assert (sample.pred_scales > 0).all()
        assert sample.pred_scores.shape == (3,)
        assert sample.pred_scores.sum().item() == pytest.approx(1)
        assert close(sample.pred_embedding, vectors[window])
        trajectories = PredictedTrajectories.from_sample(sample)
        assert trajectories.predictions.shape[1:] == trajectories.future.shape


@torch.no_grad()
def test_predictions_begin_where_the_agents_are(build, tracks):
    """An agent's futures are near the agent, in metres: axes and frames are not mixed up."""
    sample = build().eval().test_step(batch(tracks))[2]
    last = tracks.positions[2, OBSERVED - 1]
    there = tracks.present[2, OBSERVED - 1]
    distance = (sample.pred_positions[0] - last).norm(dim=-1)[:, there]
    assert distance.max() < 10
    assert torch.cdist(last[there], last[there]).max() > 30


@torch.no_grad()
def test_predictions_do_not_see_the_future(build, tracks):
    model = build(encoder=dict(num_layers=1, num_heads=2, causal=False)).eval()
    positions = tracks.positions.clone()
    positions[:, OBSERVED:] += 5.0
    one = model.test_step(batch(tracks))[0]
    two = model.test_step(batch(tracks._replace(positions=positions)))[0]
    assert torch.equal(one.pred_positions, two.pred_positions)
    # The vector is that of the whole window.
    assert not close(one.pred_embedding, two.pred_embedding)


@pytest.mark.parametrize("causal", [True, False])
def test_windows_without_a_future(build, make_tracks, causal):
    """They train what is inside of them where no token has seen it."""
    model = build(encoder=dict(num_layers=1, num_heads=2, causal=causal))
    tracks = make_tracks(frames=OBSERVED)
    loss = losses(model, tracks)["loss_forecast"]
    assert (loss > 0) == causal
    loss.backward()
    sample = model.eval().test_step(batch(tracks))[0]
    assert sample.pred_positions.shape == (1, FUTURE, 7, 2)


@pytest.mark.parametrize("num_modes", [1, 3])
def test_every_trained_parameter_has_a_gradient(build, tracks, num_modes):
    model = build(forecast_head=THREE_FUTURES | dict(num_modes=num_modes))
    found = losses(model, tracks)
    assert sorted(found) == sorted([*LOSSES, *(["loss_mode"] if num_modes > 1 else [])])
    assert all(loss > 0 and loss.isfinite() for loss in found.values())
    sum(found.values()).backward()
    trained = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    assert [name for name, gradient in trained.items() if gradient is None] == []
    assert all(gradient.isfinite().all() for gradient in trained.values())


@pytest.mark.parametrize("name", HEADS)
def test_every_task_alone(build, tracks, name):
    """Its loss is the only one, and only the forecast predicts paths."""
    model = build(**dict.fromkeys(set(HEADS) - {name}))
    assert list(losses(model, tracks)) == [f"loss_{name.removesuffix('_head')}"]
    (sample, *_) = model.eval().test_step(batch(tracks))
    assert "pred_embedding" in sample
    assert ("pred_positions" in sample) == (name == "forecast_head")


def test_what_is_to_be_guessed_is_the_target_and_not_seen(build, make_tracks, monkeypatch):
    model = build(views=dict(mirror_prob=0, drop_share=0, noise=0))
    tracks = make_tracks(frames=OBSERVED)
    given = []
    head = model.reconstruction_head
    loss = head.loss
    monkeypatch.setattr(head, "loss", lambda *args: given.append(args) or loss(*args))
    losses(model, tracks)
    (tokens, target, hidden) = given[0]
    assert hidden.any()
    assert torch.equal(target.positions, tracks.positions)
    moved = tracks._replace(positions=tracks.positions + 9.0 * hidden[..., None])
    losses(model, moved)
    assert torch.equal(given[1][0], tokens)
    assert torch.equal(given[1][1].positions, moved.positions)


def trained(build, tracks, steps, **changes):
    """The losses of some steps of training on one batch."""
    model = build(data_preprocessor=dict(type="TrajectoryDataPreprocessor", **changes))
    optimizer = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-2))
    torch.manual_seed(1)
    return [model.train_step(batch(tracks), optimizer) for _ in range(steps)]


def test_the_same_seed_gives_the_same_steps(build, tracks):
    first, second = (trained(build, tracks, steps=2) for _ in range(2))
    assert first == second
    assert first[0]["loss"] != first[1]["loss"]


def test_training_lowers_the_losses(build, tracks):
    logs = trained(build, tracks, 20, mirror_prob=0, swap_prob=0, drop_share=0)
    for name in ("loss_forecast", "loss_reconstruction"):
        first, last = (sum(log[name] for log in part) for part in (logs[:4], logs[-4:]))
        assert last < 0.8 * first


def test_unknown_mode(build, tracks):
    with pytest.raises(ValueError, match="mode='train' has to be 'tensor', 'loss' or 'predict'"):
        build()(tracks._asdict(), mode="train")


def test_another_number_of_observed_frames_than_the_data_sets(build, tracks):
    data = batch(tracks)
    data["data_samples"][1].set_metainfo(dict(num_observed=OBSERVED + 1))
    with pytest.raises(ConfigError, match=f"num_observed={OBSERVED + 1} is not the model's"):
        build().test_step(data)


@torch.no_grad()
def test_predictions_bring_no_batch_along(build, tracks):
    sample = build().eval().test_step(batch(tracks))[1]
    for name in ("pred_positions", "pred_scales", "pred_scores", "pred_embedding"):
        value = sample.get(name)
        assert value.untyped_storage().nbytes() == value.numel() * value.element_size()
