"""Detection: targets and losses by double loops, read-outs by hand, a detector that learns."""
import json

import numpy as np
import pytest
from eval_context import small_context
from one_line import fails
from PIL import Image
from tqdm import tqdm

from tinynnclr import Tensor
from tinynnclr.lab.detection import (
    centre_head,
    detector,
    evaluate,
    feature_map,
    keypoints,
    masks,
    playroom,
)
from tinynnclr.lab.plots.detection import draw_dense
from tinynnclr.lab.registry import run_protocol
from tinynnclr.models import ENCODERS, LabEncoder, TinyCNN
from tinynnclr.nn import Linear
from tinynnclr.tensor import no_grad


@pytest.fixture(scope="module")
def scenes():
    return playroom.make(40, seed=1)


def encoder(width=2, seed=0):
    return TinyCNN(width, np.random.default_rng(seed))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def bytes_of(module):
    return {name: array.tobytes() for name, array in module.state_dict().items()}


def train(net, scenes, frozen, steps):
    with tqdm(disable=True) as bar:
        return detector.train_detector(net, scenes, frozen, 0, steps, bar)


# ---------------------------------------------------------------- the map


@pytest.mark.parametrize("name", list(ENCODERS))
def test_a_map_has_a_place_for_every_four_pixels_and_depends_on_all_weights(name, rng):
    net = ENCODERS[name](4, rng, True, 3)
    found = feature_map.feature_map(net, rng.random((2, 32, 32, 3), np.float32))
    assert found.shape[:3] == (2, 8, 8)
    found.backward(rng.standard_normal(found.shape))
    assert all(np.abs(p.grad).max() > 0 for p in net.parameters())


def test_the_mean_of_the_coarse_map_is_the_encoder_s_output(rng):
    """TinyCNN: pooling takes the map at every second place; between, it is linear."""
    net, x = encoder(3).eval(), rng.random((2, 64, 64, 3), np.float32)
    found = feature_map.feature_map(net, x).numpy()
    assert found.shape == (2, 16, 16, 12 + 24)
    coarse = found[..., 12:]
    np.testing.assert_allclose(coarse[:, ::2, ::2].mean((1, 2)), net(x).numpy(), rtol=1e-4,
                               atol=1e-5)
    np.testing.assert_allclose(coarse[:, :, 1:14:2], (coarse[:, :, :14:2] + coarse[:, :, 2::2]) / 2,
                               rtol=1e-4, atol=1e-5)


def test_both_halves_of_a_lab_encoder_have_their_map(rng):
    lab = LabEncoder(TinyCNN(2, rng, channels=1), TinyCNN(2, rng, channels=2))
    found = feature_map.feature_map(lab, rng.random((1, 64, 64, 3), np.float32))
    assert found.shape == (1, 16, 16, 2 * 24)


def test_encoders_and_images_without_a_map_are_refused(rng):
    with fails(ValueError, "dense", "tiny_cnn, fine_cnn, resnet, vit", "Linear"):
        feature_map.feature_map(Linear(3, 2, rng), rng.random((1, 8, 8, 3), np.float32))
    with fails(ValueError, "square", "12 x 16"):
        feature_map.feature_map(encoder(), rng.random((1, 12, 16, 3), np.float32))


# ---------------------------------------------------------------- centres and boxes


def test_heat_is_one_at_centres_and_a_gaussian_around(scenes):
    heat = centre_head.heat_targets(40, 16, 10, scenes.scenes, scenes.labels, scenes.boxes)
    wanted = np.zeros_like(heat)
    for scene, label, (x0, y0, x1, y1) in zip(scenes.scenes, scenes.labels, scenes.boxes,
                                              strict=True):
        column, row = (min(15, round(float(a + b) / 8)) for a, b in ((x0, x1), (y0, y1)))
        for i, j in np.ndindex(16, 16):
            across, down = 4 * (j - column) / ((x1 - x0) / 6), 4 * (i - row) / ((y1 - y0) / 6)
            value = np.exp(-(across**2 + down**2) / 2)
            wanted[scene, i, j, label] = max(wanted[scene, i, j, label], value)
    np.testing.assert_allclose(heat, wanted, atol=1e-3)
    assert 0.9 * len(scenes.labels) < (heat == 1).sum() <= len(scenes.labels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_focal_loss_by_a_double_loop(rng, dtype):
    heat = rng.random((2, 4, 4, 3)) ** 2
    heat[0, 1, 2, 0] = heat[1, 0, 0, 2] = 1
    logits, total = rng.standard_normal(heat.shape) * 3, 0.0
    for at in np.ndindex(heat.shape):
        p = sigmoid(logits[at])
        if heat[at] == 1:
            total -= (1 - p) ** 2 * np.log(p)
        else:
            total -= (1 - heat[at]) ** 4 * p**2 * np.log(1 - p)
    loss = centre_head.focal_loss(Tensor(logits.astype(dtype)), heat)
    assert loss.dtype == dtype
    assert loss.item() == pytest.approx(total / 2, rel=1e-5 if dtype == np.float32 else 1e-12)
    assert np.isfinite(centre_head.focal_loss(Tensor(100 * logits.astype(dtype)), heat).item())


def box_loss_by_loops(found, wanted):
    return sum(abs(found[at] - wanted[at]) for at in np.ndindex(found.shape)) / len(found)


def mask_loss_by_loops(logits, wanted):
    total = 0.0
    for at in np.ndindex(wanted.shape):
        p = sigmoid(logits[at][0])
        total -= wanted[at] * np.log(p) + (1 - wanted[at]) * np.log(1 - p)
    return total / wanted.size


def keypoint_loss_by_loops(logits, wanted, visible):
    losses = []
    for t, k in np.argwhere(visible):
        row = logits[t, :, :, k].ravel()
        losses.append(np.log(np.exp(row).sum()) - row[wanted[t, k]])
    return np.mean(losses) if losses else 0


def test_other_losses_by_double_loops(rng):
    logits, wanted = rng.standard_normal((3, 14, 14, 4)), rng.integers(0, 196, (3, 4))
    boxes, mask = rng.standard_normal((2, 5, 4)), rng.random((3, 14, 14)) < 0.5
    visible = rng.random((3, 4)) < 0.6
    for loss, by_loops, output, *targets in (
            (centre_head.box_loss, box_loss_by_loops, boxes[0], boxes[1]),
            (masks.mask_loss, mask_loss_by_loops, logits[..., :1], mask.astype(float)),
            (keypoints.keypoint_loss, keypoint_loss_by_loops, logits, wanted, visible),
            (keypoints.keypoint_loss, keypoint_loss_by_loops, logits, wanted, visible & False)):
        got = loss(Tensor(output), *targets).item()
        assert got == pytest.approx(by_loops(output, *targets), rel=1e-12)


def test_peaks_invert_the_targets(scenes):
    """Logits equal to the targets give back all things, where no two share place and class."""
    few = scenes.take(np.array([0, 1, 2, 3, 4, 6, 7]))
    heat = centre_head.heat_targets(7, 16, 10, few.scenes, few.labels, few.boxes)
    x, y = centre_head.centres(few.boxes, 16)
    output = np.zeros((7, 16, 16, 4), np.float32)
    output[few.scenes, y, x] = centre_head.box_targets(few.boxes, 16)
    clipped = heat.clip(1e-4, 1 - 1e-4)
    logits = np.log(clipped) - np.log1p(-clipped)
    rows, labels, scores, boxes = centre_head.peaks(logits, output, 20, 64)
    assert all((np.diff(scores[rows == scene]) <= 0).all() for scene in range(7))

    def things(scenes, labels, boxes):
        return set(zip(scenes, labels, map(tuple, np.round(boxes, 2)), strict=True))

    sure = scores > 0.9995
    assert things(rows[sure], labels[sure], boxes[sure]) == things(few.scenes, few.labels,
                                                                   few.boxes)


def test_a_peak_is_no_lower_than_its_eight_neighbours():
    logits = np.full((1, 4, 4, 1), -9.0)
    logits[0, 1, 1], logits[0, 1, 2], logits[0, 3, 3] = 2, 1, 0
    rows, _, scores, boxes = centre_head.peaks(logits, np.zeros((1, 4, 4, 4)), 2, 16)
    np.testing.assert_allclose(scores, sigmoid(np.array([2.0, 0])))
    np.testing.assert_allclose(boxes, [[-0.5, -0.5, 12, 12], [4, 4, 15.5, 15.5]])
    assert rows.tolist() == [0, 0]


# ---------------------------------------------------------------- masks and key points


def test_mask_targets_and_pasting_invert_each_other():
    """The left half of a box: the left seven columns of cells, and pasted the left half again."""
    box, mask = np.array([[9.5, 19.5, 37.5, 47.5]], np.float32), np.zeros((1, 64, 64), bool)
    mask[0, 20:48, 10:24] = True
    cells = masks.mask_targets(mask, box)
    assert (cells[0, :, :7] == 1).all()
    assert (cells[0, :, 7:] == 0).all()
    np.testing.assert_array_equal(masks.paste_masks(8 * cells[..., None] - 4, box, 64), mask)


def test_a_pasted_mask_stays_in_its_box():
    box = np.array([[10.5, 3.5, 12.5, 9.5], [-0.5, -0.5, 63.5, 63.5]], np.float32)
    pasted = masks.paste_masks(np.ones((2, 14, 14, 1), np.float32), box, 64)
    assert np.argwhere(pasted[0]).tolist() == [[y, x] for y in range(4, 10) for x in (11, 12)]
    assert pasted[1].all()


def test_key_points_are_read_where_they_were_put(scenes):
    """Within half a cell, for points inside of their box."""
    cells = keypoints.keypoint_targets(scenes.keypoints, scenes.boxes)
    logits = np.zeros((len(cells), 14, 14, 4))
    t, k = np.mgrid[:len(cells), :4]
    logits[t, cells // 14, cells % 14, k] = 1
    points = keypoints.read_keypoints(logits, scenes.boxes)
    low, high = scenes.boxes[:, None, :2], scenes.boxes[:, None, 2:]
    inside = ((scenes.keypoints[..., :2] > low) & (scenes.keypoints[..., :2] < high)).all(-1)
    distance = np.abs(points - scenes.keypoints[..., :2]) / (high - low)
    assert inside.mean() > 0.5
    assert distance[inside].max() <= 0.5 / 14 + 1e-4


def test_pck_by_hand():
    """A box of 10 x 4: points within 2 pixels count, hidden ones do not."""
    box = np.array([[0.0, 0, 10, 4]])
    true = np.array([[[0.0, 0, 1], [5, 0, 1], [5, 2, 0], [9, 3, 1]]])
    found = np.array([[[0.0, 2.0], [7.1, 0], [5, 2], [9, 3]]])
    assert keypoints.percentage_of_correct_keypoints(found, true, box) == pytest.approx(2 / 3)
    assert np.isnan(keypoints.percentage_of_correct_keypoints(found, true * [1, 1, 0], box))


# ---------------------------------------------------------------- the detector


@pytest.fixture(scope="module")
def trained(scenes):
    """(an encoder, its bytes before, the frozen and the fine-tuned detector)."""
    net = encoder()
    before = bytes_of(net)
    return net, before, *(train(net, scenes, frozen, 4) for frozen in (True, False))


def test_a_frozen_encoder_keeps_all_its_bytes_and_a_fine_tuned_one_is_a_copy(trained, scenes):
    net, before, frozen, tuned = trained
    assert bytes_of(net) == bytes_of(frozen.encoder) == before
    after = bytes_of(tuned.encoder)
    assert all(after[k] != before[k] for k in before)
    assert net.training
    assert bytes_of(train(net, scenes, True, 4)) == bytes_of(frozen)  # the same seed


def test_heads_learn(scenes):
    few = scenes.take(np.arange(32))
    first, last = (train(encoder(), few, False, steps) for steps in (1, 25))
    with no_grad():
        before, after = ({task: loss.item() for task, loss in d.losses(few).items()}
                         for d in (first, last))
    assert all(after[task] < 0.9 * before[task] for task in before), (before, after)


def test_detections_are_in_order_and_in_their_images(trained, scenes):
    found = trained[2].find(scenes.images)
    assert (np.diff(found.scenes) >= 0).all()
    assert np.bincount(found.scenes).max() <= detector.MOST
    assert found.boxes.min() >= -0.5
    assert found.boxes.max() <= 63.5
    assert found.masks.shape == (len(found.scenes), 64, 64)
    points = trained[2].point(scenes.images, scenes.scenes, scenes.boxes)
    assert points.shape == (len(scenes.labels), 4, 2)
    assert ((points >= scenes.boxes[:, None, :2]) & (points <= scenes.boxes[:, None, 2:])).all()


def test_too_few_scenes_and_nan(scenes):
    with fails(ValueError, "at least 32", "5"):
        train(encoder(), scenes.take(np.arange(5)), True, 1)
    broken = encoder()
    broken.body.layers[1].weight.data[0, 0, 0, 0] = np.nan
    with fails(FloatingPointError, "dense", "step 1", "not finite"):
        train(broken, scenes, True, 2)


# ---------------------------------------------------------------- the protocol


def test_the_protocol_leaves_its_files(tmp_path, monkeypatch):
    for name, value in {"TRAIN": 40, "TEST": 12, "STEPS": 2, "TOYS": 70, "TOY_STEPS": 1}.items():
        monkeypatch.setattr(evaluate, name, value)
    result = run_protocol(tmp_path, "dense", small_context(dataset="toybox"))
    rows = json.loads((tmp_path / "dense.json").read_bytes())["rows"]
    assert [(row["encoder"], row["how"]) for row in rows] == [
        (name, how) for name in ("nnclr", "random weights", "supervised")
        for how in ("frozen", "fine-tuned")]
    for row in rows:
        assert list(row)[2:] == ["box AP", "box AP50", "mask AP", "mask AP50", "PCK"]
        assert all(0 <= value <= 1 for value in list(row.values())[2:])
    assert list(result.found) == ["nnclr, frozen", "nnclr, fine-tuned"]
    assert "40 scenes" in (tmp_path / "dense.md").read_text(encoding="utf-8")
    picture = np.asarray(Image.open(tmp_path / "dense.png"))
    assert picture.std() > 20
    several = draw_dense(evaluate.DetectionResult([*result.rows, *result.rows], ""),
                         tmp_path / "two seeds.png", "")
    assert len(np.asarray(Image.open(several))) < len(picture)  # no scenes, only the measures
