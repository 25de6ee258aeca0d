"""Boxes, masks and key points: targets and losses by double loops, read-outs by hand, and a
detector that learns.
"""
import json

import numpy as np
import pytest
from one_line import fails
from small import random_data, small_config
from tqdm import tqdm

from tinynnclr import Tensor
from tinynnclr.lab.detection import centre_head, detector, evaluate, feature_map, keypoints, masks, playroom
from tinynnclr.lab.plots.detection import draw_dense
from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.lab.registry import evaluate_into
from tinynnclr.methods import METHODS
from tinynnclr.models import ENCODERS, LabEncoder, TinyCNN
from tinynnclr.tensor import no_grad


@pytest.fixture(scope="module")
def rooms():
    return playroom.make(40, seed=1)


def encoder(width=2, seed=0):
    return TinyCNN(width, np.random.default_rng(seed))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# ---------------------------------------------------------------- the map


@pytest.mark.parametrize("name", list(ENCODERS))
def test_a_map_has_a_place_for_every_four_pixels_and_all_weights_have_a_part_in_it(name, rng):
    net = ENCODERS[name](4, rng, True, 3)
    found = feature_map.feature_map(net, rng.random((2, 32, 32, 3), np.float32))
    assert found.shape[:3] == (2, 8, 8)
    found.backward(rng.standard_normal(found.shape))
    assert all(np.abs(p.grad).max() > 0 for p in net.parameters())


def test_the_mean_of_the_coarse_map_is_the_encoders_answer(rng):
    """TinyCNN: what the map holds at every second place is what global average pooling sees."""
    net, x = encoder(3).eval(), rng.random((2, 64, 64, 3), np.float32)
    found = feature_map.feature_map(net, x).numpy()
    assert found.shape == (2, 16, 16, 12 + 24)
    np.testing.assert_allclose(found[:, ::2, ::2, 12:].mean((1, 2)), net(x).numpy(), rtol=1e-4,
                               atol=1e-5)
    np.testing.assert_allclose(found[:, :, 1:14:2, 12:],
                               (found[:, :, :14:2, 12:] + found[:, :, 2::2, 12:]) / 2, rtol=1e-4,
                               atol=1e-5)


def test_both_halves_of_a_lab_encoder_have_their_map(rng):
    lab = LabEncoder(TinyCNN(2, rng, channels=1), TinyCNN(2, rng, channels=2))
    assert feature_map.feature_map(lab, rng.random((1, 64, 64, 3), np.float32)).shape == (1, 16, 16,
                                                                                          2 * 24)


def test_an_encoder_without_a_map_is_refused(rng):
    with fails(ValueError, "dense", "tiny_cnn, fine_cnn, resnet, vit", "Linear"):
        from tinynnclr.nn import Linear
        feature_map.feature_map(Linear(3, 2, rng), rng.random((1, 8, 8, 3), np.float32))
    with fails(ValueError, "square", "12 x 16"):
        feature_map.feature_map(encoder(), rng.random((1, 12, 16, 3), np.float32))


# ---------------------------------------------------------------- centres and boxes


def test_heat_is_one_at_middles_and_a_bell_around(rooms):
    heat = centre_head.heat_targets(40, 16, 10, rooms.scenes, rooms.labels, rooms.boxes)
    wanted = np.zeros_like(heat)
    for scene, label, (x0, y0, x1, y1) in zip(rooms.scenes, rooms.labels, rooms.boxes, strict=True):
        column, row = (min(15, round(float(a + b) / 8)) for a, b in ((x0, x1), (y0, y1)))
        for i in range(16):
            for j in range(16):
                away = ((4 * (j - column)) / ((x1 - x0) / 6)) ** 2 + ((4 * (i - row))
                                                                      / ((y1 - y0) / 6)) ** 2
                wanted[scene, i, j, label] = max(wanted[scene, i, j, label], np.exp(-away / 2))
    np.testing.assert_allclose(heat, wanted, atol=1e-3)
    assert 0.9 * len(rooms.labels) < (heat == 1).sum() <= len(rooms.labels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_focal_loss_by_a_double_loop(rng, dtype):
    heat = rng.random((2, 4, 4, 3)) ** 2
    heat[0, 1, 2, 0] = heat[1, 0, 0, 2] = 1
    logits, total = rng.standard_normal(heat.shape) * 3, 0.0
    for at in np.ndindex(heat.shape):
        p = sigmoid(logits[at])
        total -= (1 - p) ** 2 * np.log(p) if heat[at] == 1 else (1 - heat[at]) ** 4 * p**2 * np.log(1 - p)
    found = centre_head.focal_loss(Tensor(logits.astype(dtype)), heat)
    assert found.dtype == dtype
    assert found.item() == pytest.approx(total / 2, rel=1e-5 if dtype == np.float32 else 1e-12)
    assert np.isfinite(centre_head.focal_loss(Tensor(100 * logits.astype(dtype)), heat).item())


def test_box_loss_by_a_double_loop(rng):
    found, wanted, total = rng.standard_normal((5, 4)), rng.standard_normal((5, 4)), 0.0
    for i, j in np.ndindex(5, 4):
        total += abs(found[i, j] - wanted[i, j]) / 5
    assert centre_head.box_loss(Tensor(found), wanted).item() == pytest.approx(total, rel=1e-12)


def test_peaks_undo_the_targets(rooms):
    """Logits that say the targets exactly give back every thing, in scenes where no two share place
    and class.
    """
    one = rooms.take(np.array([0, 1, 2, 3, 4, 6, 7]))
    heat = centre_head.heat_targets(7, 16, 10, one.scenes, one.labels, one.boxes)
    x, y = centre_head.centres(one.boxes, 16)
    found = np.zeros((7, 16, 16, 4), np.float32)
    found[one.scenes, y, x] = centre_head.box_targets(one.boxes, 16)
    logits = np.log(heat.clip(1e-4, 1 - 1e-4)) - np.log1p(-heat.clip(1e-4, 1 - 1e-4))
    scenes, labels, scores, boxes = centre_head.peaks(logits, found, 20, 64)
    sure = scores > 0.9995
    assert all((np.diff(scores[scenes == scene]) <= 0).all() for scene in range(7))
    seen = {(s, k, *np.round(b, 2)) for s, k, b in zip(scenes[sure], labels[sure], boxes[sure],
                                                       strict=True)}
    assert seen == {(s, k, *np.round(b, 2)) for s, k, b in zip(one.scenes, one.labels, one.boxes,
                                                               strict=True)}


def test_a_peak_is_no_lower_than_its_eight_neighbours():
    logits = np.full((1, 4, 4, 1), -9.0)
    logits[0, 1, 1], logits[0, 1, 2], logits[0, 3, 3] = 2, 1, 0
    scenes, _, scores, boxes = centre_head.peaks(logits, np.zeros((1, 4, 4, 4)), 2, 16)
    np.testing.assert_allclose(scores, sigmoid(np.array([2.0, 0])))
    np.testing.assert_allclose(boxes, [[-0.5, -0.5, 12, 12], [4, 4, 15.5, 15.5]])
    assert scenes.tolist() == [0, 0]


# ---------------------------------------------------------------- masks and key points


def test_mask_targets_and_pasting_undo_each_other():
    """A left half of a box: its cells are the left seven columns, and pasted they are the left half
    again.
    """
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


def test_mask_loss_by_a_double_loop(rng):
    logits, wanted, total = rng.standard_normal((2, 14, 14, 1)), (rng.random((2, 14, 14))
                                                                  < 0.5).astype(float), 0.0
    for at in np.ndindex(wanted.shape):
        p = sigmoid(logits[at][0])
        total -= wanted[at] * np.log(p) + (1 - wanted[at]) * np.log(1 - p)
    assert masks.mask_loss(Tensor(logits), wanted).item() == pytest.approx(total / wanted.size,
                                                                           rel=1e-12)


def test_keypoint_loss_by_a_double_loop(rng):
    logits, wanted = rng.standard_normal((3, 14, 14, 4)), rng.integers(0, 196, (3, 4))
    visible, losses = rng.random((3, 4)) < 0.6, []
    for t, k in np.argwhere(visible):
        row = logits[t, :, :, k].ravel()
        losses.append(np.log(np.exp(row).sum()) - row[wanted[t, k]])
    assert keypoints.keypoint_loss(Tensor(logits), wanted,
                                   visible).item() == pytest.approx(np.mean(losses), rel=1e-12)
    assert keypoints.keypoint_loss(Tensor(logits), wanted, np.zeros((3, 4), bool)).item() == 0


def test_key_points_are_read_where_they_were_put(rooms):
    """Within half a cell of a box, for those inside of it."""
    cells = keypoints.keypoint_targets(rooms.keypoints, rooms.boxes)
    logits = np.zeros((len(cells), 14, 14, 4))
    t, k = np.mgrid[:len(cells), :4]
    logits[t, cells // 14, cells % 14, k] = 1
    read = keypoints.read_keypoints(logits, rooms.boxes)
    low, high = rooms.boxes[:, None, :2], rooms.boxes[:, None, 2:]
    inside = ((rooms.keypoints[..., :2] > low) & (rooms.keypoints[..., :2] < high)).all(-1)
    away = np.abs(read - rooms.keypoints[..., :2]) / (high - low)
    assert inside.mean() > 0.5
    assert away[inside].max() <= 0.5 / 14 + 1e-4


def test_pck_by_hand():
    """A box of 10 x 4: points within 2 pixels count, hidden ones do not."""
    box, true = np.array([[0.0, 0, 10, 4]]), np.array([[[0.0, 0, 1], [5, 0, 1], [5, 2, 0],
                                                        [9, 3, 1]]])
    found = np.array([[[0.0, 2.0], [7.1, 0], [5, 2], [9, 3]]])
    assert keypoints.percentage_of_correct_keypoints(found, true, box) == pytest.approx(2 / 3)
    assert np.isnan(keypoints.percentage_of_correct_keypoints(found, true * [1, 1, 0], box))


# ---------------------------------------------------------------- the detector


@pytest.fixture(scope="module")
def trained(rooms):
    """(an encoder, its bytes before, the frozen and the fine-tuned detector)."""
    net = encoder()
    before = {k: v.tobytes() for k, v in net.state_dict().items()}
    with tqdm(disable=True) as bar:
        return net, before, *(detector.train_detector(net, rooms, frozen, 0, 4, bar) for frozen
                              in (True, False))


def test_a_frozen_encoder_keeps_all_its_bytes_and_a_fine_tuned_one_is_a_copy(trained):
    net, before, frozen, tuned = trained
    assert {k: v.tobytes() for k, v in net.state_dict().items()} == before
    assert {k: v.tobytes() for k, v in frozen.encoder.state_dict().items()} == before
    after = {k: v.tobytes() for k, v in tuned.encoder.state_dict().items()}
    assert all(after[k] != before[k] for k in before)
    assert net.training


def test_heads_learn(rooms):
    few = rooms.take(np.arange(32))
    with tqdm(disable=True) as bar:
        first, last = (detector.train_detector(encoder(), few, False, 0, steps, bar) for steps
                       in (1, 25))
    with no_grad():
        before, after = ({k: v.item() for k, v in d.losses(few).items()} for d in (first, last))
    assert all(after[task] < 0.9 * before[task] for task in before), (before, after)


def test_the_same_seed_gives_the_same_detector(trained, rooms):
    net, _, frozen, _ = trained
    with tqdm(disable=True) as bar:
        again = detector.train_detector(net, rooms, True, 0, 4, bar)
    assert all(np.array_equal(a, frozen.state_dict()[k]) for k, a in again.state_dict().items())


def test_what_is_found_is_in_order_and_in_its_picture(trained, rooms):
    found = trained[2].find(rooms.images)
    assert (np.diff(found.scenes) >= 0).all()
    assert np.bincount(found.scenes).max() <= detector.MOST
    assert found.boxes.min() >= -0.5
    assert found.boxes.max() <= 63.5
    assert found.masks.shape == (len(found.scenes), 64, 64)
    points = trained[2].point(rooms.images, rooms.scenes, rooms.boxes)
    assert points.shape == (len(rooms.labels), 4, 2)
    assert ((points >= rooms.boxes[:, None, :2]) & (points <= rooms.boxes[:, None, 2:])).all()


def test_too_few_scenes(rooms):
    with fails(ValueError, "at least 32", "5"), tqdm(disable=True) as bar:
        detector.train_detector(encoder(), rooms.take(np.arange(5)), True, 0, 1, bar)


def test_nan_reaches_the_loss(rooms):
    broken = encoder()
    broken.body.layers[1].weight.data[0, 0, 0, 0] = np.nan
    with fails(FloatingPointError, "dense", "step 1", "not finite"), tqdm(disable=True) as bar:
        detector.train_detector(broken, rooms, True, 0, 2, bar)


# ---------------------------------------------------------------- the protocol


def test_the_protocol_leaves_its_files(tmp_path, monkeypatch):
    from PIL import Image

    for name, value in {"TRAIN": 40, "TEST": 12, "STEPS": 2, "TOYS": 70, "TOY_STEPS": 1}.items():
        monkeypatch.setattr(evaluate, name, value)
    config = small_config(dataset="toybox")
    data = random_data()
    net = METHODS[config.method].make_encoder(config, np.random.default_rng(3))
    result = evaluate_into(tmp_path, "dense", EvalContext(config, net, (data, data)))
    rows = json.loads((tmp_path / "dense.json").read_bytes())["rows"]
    assert [(row["encoder"], row["how"]) for row in rows] == [(name, how) for name
                                                              in ("nnclr", "random weights",
                                                                  "supervised") for how
                                                              in ("frozen", "fine-tuned")]
    assert all(list(row)[2:] == ["box AP", "box AP50", "mask AP", "mask AP50", "PCK"] for row
               in rows)
    assert all(0 <= value <= 1 for row in rows for value in list(row.values())[2:])
    assert list(result.found) == ["nnclr, frozen", "nnclr, fine-tuned"]
    assert "40 scenes" in (tmp_path / "dense.md").read_text(encoding="utf-8")
    picture = np.asarray(Image.open(tmp_path / "dense.png"))
    assert picture.std() > 20
    several = draw_dense(evaluate.DetectionResult([*result.rows, *result.rows], ""),
                         tmp_path / "two seeds.png", "")
    assert len(np.asarray(Image.open(several))) < len(picture)  # no scenes, only the bars
