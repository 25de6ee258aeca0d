"""Few shots against plain loops in float64: episodes are fair draws, prototypes are means, the
nearest one decides.
"""
import numpy as np
import pytest
from small import random_data, small_config

from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.lab.protocols import few_shot as fewshot
from tinynnclr.lab.protocols import transfer_sets as others
from tinynnclr.lab.protocols.context import EvalContext
from tinynnclr.metrics.confidence import mean_and_interval
from tinynnclr.models.encode import encode
from tinynnclr.train.run import Run


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
        support, query = fewshot.draw_episode(labels, ways, shots, queries, rng)
        scores.append(fewshot.prototype_accuracy(support, query, x))
        assert scores[-1] == pytest.approx(accuracy_by_loops(support, query, x))
    assert 1 / ways < np.mean(scores) < 1  # neither chance nor too easy to tell anything


def test_an_episode_is_a_fair_draw(rng):
    # the classes 2 and 5 have too few
    labels = np.repeat(np.arange(7), [20, 25, 19, 40, 20, 0, 30])
    seen = np.zeros(len(labels))
    for _ in range(400):
        support, query = fewshot.draw_episode(labels, 4, 5, 15, rng)
        assert (support.shape, query.shape) == ((4, 5), (4, 15))
        rows = np.concatenate([support, query], axis=1)
        assert len(np.unique(rows)) == rows.size  # none twice, and none on both sides
        assert (labels[rows] == labels[rows[:, :1]]).all()
        assert len(set(labels[rows[:, 0]])) == 4
        seen[support] += 1
    assert (seen[np.isin(labels, (2, 5))] == 0).all()
    for c in (0, 1, 3, 4, 6):  # drawn in 4 of 5 episodes, 5 images each
        assert seen[labels == c].sum() == pytest.approx(400 * 4 / 5 * 5, rel=0.15)
    with pytest.raises(ValueError, match="labels: expected 6 classes with at least 20 rows, got 5"):
        fewshot.draw_episode(labels, 6, 5, 15, rng)


@pytest.fixture
def subject(monkeypatch):
    for module, name, value in ((others, "TRAIN", 10), (others, "TEST", 80),
                                (fewshot, "EPISODES", 12), (fewshot, "QUERIES", 3)):
        monkeypatch.setattr(module, name, value)
    config, data = small_config(dataset="cifar10", seed=4), random_data(size=32)
    return EvalContext(config, Run(config, data).method.encoder, (data, data), ("digits", "toybox"))


def test_the_rows_are_means_over_episodes(subject):
    before = {name: array.tobytes() for name, array in subject.encoder.state_dict().items()}
    finding = fewshot.fewshot(subject)
    assert [(row["encoder"], row["to"], row["how"]) for row in finding.rows] == [
        (encoder, to, how) for to in ("digits", "toybox") for encoder in ("nnclr", "random weights", "raw pixels")
        for how in ("1 shot", "5 shots")]
    assert finding.chance == 0.2
    assert {name: array.tobytes() for name, array in subject.encoder.state_dict().items()} == before

    test = others.other_sets(subject.config, ("digits",))[0]["digits"][1]
    x = encode(subject.encoder, test.images)
    rng, scores = np.random.default_rng(4), []
    for _ in range(12):
        scores.append(accuracy_by_loops(*fewshot.draw_episode(test.labels, 5, 1, 3, rng), x))
    mean, half = mean_and_interval(scores)
    assert finding.rows[0]["accuracy"] == pytest.approx(mean, abs=0.01)
    assert finding.rows[0]["interval"] == pytest.approx(half, abs=0.01)


def test_every_encoder_gets_the_same_episodes(subject, monkeypatch):
    drawn = []

    def remember(*arguments):
        drawn.append(np.concatenate(episode(*arguments), axis=1).tolist())
        return tuple(np.split(np.array(drawn[-1]), [arguments[2]], axis=1))

    episode = fewshot.draw_episode
    monkeypatch.setattr(fewshot, "draw_episode", remember)
    fewshot.fewshot(subject)
    one_encoder = 2 * 12  # shots times episodes
    assert drawn[:one_encoder] == drawn[one_encoder:2 * one_encoder] == drawn[2 * one_encoder:3
                                                                              * one_encoder]
    assert drawn[0] != drawn[1]


def test_a_set_of_too_few_images_is_left_out_and_named(subject, monkeypatch):
    # 80 images of 10 classes have 8 of each: too few for 5 + 4
    monkeypatch.setattr(fewshot, "QUERIES", 4)
    with pytest.raises(ValueError, match="^fewshot: expected a set with 5 classes of at least 9 "
                       "test images, got none in digits, toybox; name others with --to"):
        fewshot.fewshot(subject)
    sets, said = others.other_sets(subject.config, ("digits", "toybox"))
    many = (sets["digits"][0], random_data(90, 32, 9))
    monkeypatch.setattr(fewshot, "other_sets", lambda *_: ({**sets, "many": many}, said))
    finding = fewshot.fewshot(subject)
    assert {row["to"] for row in finding.rows} == {"many"}
    assert "Left out, for too few images of a class: digits, toybox." in finding.rules
