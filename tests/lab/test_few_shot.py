"""Few-shot episodes against loops in float64: fair draws, class means, the nearest one decides."""
import numpy as np
import pytest
from eval_context import small_context
from one_line import fails
from small import random_data

from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.lab.protocols import few_shot, transfer_sets
from tinynnclr.metrics.confidence import mean_and_interval
from tinynnclr.models.encode import encode


def accuracy_by_loops(support, query, x):
    """Snell et al. 2017 with cosines, one query after the other, in float64."""
    x, right = x.astype(np.float64), 0
    prototypes = [sum(x[i] for i in rows) / len(rows) for rows in support]
    for way, rows in enumerate(query):
        for i in rows:
            cosines = [float(x[i] @ p / np.sqrt(x[i] @ x[i]) / np.sqrt(p @ p)) for p in prototypes]
            right += cosines.index(max(cosines)) == way
    return right / query.size


@pytest.mark.parametrize(("ways", "shots", "queries"), [(5, 1, 15), (5, 5, 15), (2, 3, 1),
                                                        (3, 1, 4)])
def test_accuracy_against_loops(ways, shots, queries, rng):
    labels = rng.permutation(np.arange(160) % 6)
    x = unit_rows((rng.standard_normal((6, 12))[labels] + 1.5
                   * rng.standard_normal((160, 12))).astype(np.float32))
    scores = []
    for _ in range(20):
        support, query = few_shot.draw_episode(labels, ways, shots, queries, rng)
        scores.append(few_shot.prototype_accuracy(support, query, x))
        assert scores[-1] == pytest.approx(accuracy_by_loops(support, query, x))
    assert 1 / ways < np.mean(scores) < 1  # neither chance nor too easy


def test_an_episode_is_a_fair_draw(rng):
    labels = np.repeat(np.arange(7), [20, 25, 19, 40, 20, 0, 30])  # 2 and 5 have too few
    counts = np.zeros(len(labels))
    for _ in range(400):
        support, query = few_shot.draw_episode(labels, 4, 5, 15, rng)
        assert (support.shape, query.shape) == ((4, 5), (4, 15))
        rows = np.concatenate([support, query], axis=1)
        assert len(np.unique(rows)) == rows.size  # none twice, and none on both sides
        assert (labels[rows] == labels[rows[:, :1]]).all()
        assert len(set(labels[rows[:, 0]])) == 4
        counts[support] += 1
    assert (counts[np.isin(labels, (2, 5))] == 0).all()
    for c in (0, 1, 3, 4, 6):  # drawn in 4 of 5 episodes, 5 images each
        assert counts[labels == c].sum() == pytest.approx(400 * 4 / 5 * 5, rel=0.15)
    with fails(ValueError, "labels: expected 6 classes with at least 20 rows, got 5"):
        few_shot.draw_episode(labels, 6, 5, 15, rng)


@pytest.fixture
def context(monkeypatch):
    for module, name, value in ((transfer_sets, "TRAIN", 10), (transfer_sets, "TEST", 80),
                                (few_shot, "EPISODES", 12), (few_shot, "QUERIES", 3)):
        monkeypatch.setattr(module, name, value)
    return small_context(to=("digits", "toybox"), dataset="cifar10", seed=4)


def test_the_rows_are_means_over_the_same_episodes(context, monkeypatch):
    drawn = []

    def remember(*arguments):
        drawn.append(draw_episode(*arguments))
        return drawn[-1]

    draw_episode = few_shot.draw_episode
    monkeypatch.setattr(few_shot, "draw_episode", remember)
    result = few_shot.few_shot(context)
    names = ("nnclr", "random weights", "raw pixels")
    assert [(row["encoder"], row["to"], row["how"]) for row in result.rows] == [
        (encoder, to, how) for to in ("digits", "toybox") for encoder in names
        for how in ("1 shot", "5 shots")]
    assert result.chance == 0.2
    each = 2 * 12  # shots times episodes
    episodes = [np.concatenate(pair, axis=1).tolist() for pair in drawn]
    assert episodes[:each] == episodes[each:2 * each] == episodes[2 * each:3 * each]
    assert episodes[0] != episodes[1]
    test = transfer_sets.load_transfer_sets(context.config, ("digits",))[0]["digits"][1]
    x = encode(context.encoder, test.images)
    mean, half = mean_and_interval([accuracy_by_loops(*pair, x) for pair in drawn[:12]])
    assert result.rows[0]["accuracy"] == pytest.approx(mean, abs=0.01)
    assert result.rows[0]["interval"] == pytest.approx(half, abs=0.01)


def test_a_set_of_too_few_images_is_left_out_and_named(context, monkeypatch):
    # 80 images of 10 classes have 8 of each: too few for 5 + 4
    monkeypatch.setattr(few_shot, "QUERIES", 4)
    with fails(ValueError, "fewshot: expected a set with 5 classes of at least 9 test images, got "
               "none in digits, toybox; name others with --to"):
        few_shot.few_shot(context)
    sets, description = transfer_sets.load_transfer_sets(context.config, ("digits", "toybox"))
    sets["many"] = (sets["digits"][0], random_data(90, 32, 9))
    monkeypatch.setattr(few_shot, "load_transfer_sets", lambda *_: (sets, description))
    result = few_shot.few_shot(context)
    assert {row["to"] for row in result.rows} == {"many"}
    assert "Left out, for too few images of a class: digits, toybox." in result.description
