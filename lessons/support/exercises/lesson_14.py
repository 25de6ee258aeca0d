"""Lesson 14: assertions that catch one bug each, and a diagnosis."""
import math
from collections.abc import Callable

import numpy as np

from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.methods.nnclr import NNCLR
from tinynnclr.models import TinyCNN
from tinynnclr.models.encode import to_float
from tinynnclr.tensor import Tensor, no_grad

from ..check import Trial, exercise
from ..zoo import ZOO, Company, Gradient, Itself, Step


def only_old_friends(step: Step) -> None:
    """AssertionError unless each friend, of either view, was in the queue before the step."""
    before, ids = step.rows.copy(), step.batch()
    z1, z2 = (step.embed(x) for x in step.views(ids))
    for n in step.friends(z1, z2, ids)[:2]:
        rows = n.numpy() if isinstance(n, Tensor) else n
        # (b,): to the nearest old row
        distance = np.abs(rows[:, None] - before).max(axis=2).min(axis=1)
        new = (distance >= 1e-4).mean()
        assert new == 0, f"{new:.0%} of the friends came in with this step"


def friends_are_constants(step: Step) -> None:
    """AssertionError where a gradient of the loss reaches z through a friend, of either view."""
    ids = step.batch()
    z1, z2 = (Tensor(step.embed(x).numpy(), requires_grad=True) for x in step.views(ids))
    p = Tensor(np.random.default_rng(0).standard_normal(z1.shape).astype(np.float32),
               requires_grad=True)
    n1, n2, _ = step.friends(z1, z2, ids)
    (step.loss(n1, p) + step.loss(n2, p)).backward()
    for z in (z1, z2):
        assert z.grad is None or not z.grad.any(), "a gradient came through a friend"


def same_alone(step: Step) -> None:
    """AssertionError where an image's features depend on which images are encoded with it."""
    few = step.images[:8]
    together = step.encode(few)
    alone = np.concatenate([step.encode(few[i:i + 1]) for i in range(8)])
    largest = np.abs(together - alone).max()
    assert np.allclose(together, alone, atol=1e-3), f"alone they differ by up to {largest:.2f}"


def diagnose(step: Step) -> str:
    """The name in ZOO of what is wrong with a step."""
    eye, t = np.eye(8, dtype=np.float32), step.method.config.temperature
    perfect = math.log(1 + 7 * math.exp(-1 / t))
    if abs(step.loss(np.roll(eye, -1, axis=0), Tensor(eye)).item() - perfect) < 1e-3:
        return "rotated"
    if abs(step.loss(eye, Tensor(eye)).item() - perfect) > 1e-3:
        return "inverted"
    for name, assertion in (
            ("itself", only_old_friends),
            ("gradient", friends_are_constants),
            ("company", same_alone)):
        if _fires(assertion, step):
            return name
    ids = step.batch()
    x1, x2 = step.views(ids)
    if (x1 == x2).all():
        return "twins"
    if np.abs(np.linalg.norm(step.rows, axis=1) - 1).max() > 1e-3:
        return "lengths"
    shares = np.bincount(step.labels[step.ids]) / len(step.ids)  # of each class in the queue
    return "sorted" if shares.max() > 0.45 else "healthy"


def _fires(assertion: Callable, step: Step) -> bool:
    try:
        assertion(step)
    except AssertionError:
        return True
    return False


class _Between(Step):
    """Stores between the two searches: only view 2 finds new rows."""

    def friends(self, z1, z2, ids):
        n1, whose = self.look(z1)
        self.store(z1.numpy(), ids)
        return n1, self.look(z2)[0], whose


class _Half(Gradient):
    """A gradient flows through the friends of view 2 alone."""

    def friends(self, z1, z2, ids):
        (n1, whose), (n2, _) = Step.look(self, z1), self.look(z2)
        self.store(z1.numpy(), ids)
        return n1, n2, whose


class _First(Step):
    """Only the first friend of each view came in with this step."""

    def look(self, z):
        rows, whose = super().look(z)
        rows[0] = unit_rows(z.numpy())[0]
        return rows, whose


class _Leak(Gradient):
    """A gradient flows through one number of one friend of each view alone."""

    def look(self, z):
        rows, whose = Step.look(self, z)
        hole = np.zeros_like(rows)
        hole[0, 0] = 1
        return (z - z.numpy()) * hole + rows, whose


class _Column(Step):
    """Only one feature depends on the batch."""

    def encode(self, images):
        h = super().encode(images)
        h[:, 0] += images.mean() / 10
        return h


class _Detached(Step):
    """Healthy: the friends are a Tensor without a graph."""

    def look(self, z):
        rows, whose = super().look(z)
        return Tensor(rows), whose


class _Quiet(Company):
    """Encodes in training mode, then restores mode and running statistics."""

    def encode(self, images):
        self.encoder.train()
        before = self.encoder.state_dict()
        before = {name: a.copy() for name, a in before.items()}
        with no_grad():
            h = self.encoder(to_float(images)).numpy()
        self.encoder.load_state_dict(before)
        return h


def _tiny(kind: type[Step], seed: int = 0, count: int = 400) -> Step:
    """A step of this kind that takes milliseconds: noise, ten classes, a full queue, no name."""
    rng = np.random.default_rng((14, seed))
    config = NNCLR.Config(width=2, dim=8, projector_hidden=16, predictor_hidden=16, view_size=16)
    images = rng.integers(0, 256, (count, 16, 16, 3), np.uint8)
    labels = rng.permutation(np.arange(count) % 10)
    anonymous = type("Step", (kind,), {"__doc__": Step.__doc__})
    return anonymous(NNCLR(TinyCNN(2, rng), config, rng), images, labels, queue_size=24,
                     batch_size=8, seed=seed).fill()


def _catches(trial: Trial, own: list[tuple], healthy: list[tuple], names: set[str]) -> None:
    """The assertion must fire on `own`, (kind, hint) each, and on no other step but `names`."""
    silent = [*healthy,
              *((kind, f"it fires on {name!r}, which is another bug")
                for name, kind in ZOO.items() if name not in {*names, "healthy"})]
    for kinds, wanted in (
            (healthy[:1], False), (own[:1], True), (silent[1:], False), (own[1:], True)):
        for kind, hint, *count in kinds:
            for seed in (0, 1):
                step = _tiny(kind, seed, *count)
                fired = _tried(trial, step)
                trial.true(fired == wanted, hint, expected="fires" if wanted else "is silent",
                           got="fires" if fired else "is silent")


def _tried(trial, step):
    """Whether the answer's assertion fires on a step; another error is a wrong answer."""
    trial.calls += 1
    try:
        trial.answer(step)
    except NotImplementedError:
        raise
    except AssertionError:
        return True
    except Exception as error:
        trial.fail(f"it raised {type(error).__name__}: {error}; where something is wrong, expected "
                   "AssertionError")
    return False


@exercise("14.a", reference=only_old_friends)
def _(trial):
    _catches(trial, own=[
        (Itself, "this step stores before it searches, so every row finds itself: the rows that "
         "friends() returns were not in the queue before the call"),
        (_Between, "this step searches for view 1, stores it, then searches for view 2: n1 is "
         "right, n2 finds new rows. Check both"),
        (_First, "in this step one friend of a view came in with the step, and all others are old. "
         "Check every one")
    ], healthy=[
        (Step, "nothing is wrong with this step. After friends() the batch is in the queue, as it "
         "should be: compare with the queue before the call"),
        (Step, "nothing is wrong with this step: its data set is small, so an *older* copy of an "
         "image, from an earlier epoch, is in the queue, with the same id. That is allowed", 8)
    ], names={"itself"})


@exercise("14.b", reference=friends_are_constants)
def _(trial):
    _catches(trial, own=[
        (Gradient, "this step has a gradient through the friend. Let z be a leaf (requires_grad) "
         "and p independent of z: any gradient of z came through the friend"),
        (_Half, "this step has a gradient through the friends of view 2 alone: try both views"),
        (_Leak, "this step has a gradient through one number of one friend: any number of it that "
         "is not 0 is a fault")
    ], healthy=[
        (Step, "nothing is wrong with this step. The gradient that reaches z through the "
         "*prediction* is the one that trains: exclude it, with a p that does not depend on z"),
        (_Detached, "nothing is wrong with this step: its friends are a Tensor without a graph. "
         "Measure the gradient, not the type")
    ], names={"gradient"})


@exercise("14.c", reference=same_alone)
def _(trial):
    _catches(trial, own=[
        (Company, "this step encodes in training mode: the features of an image depend on its "
         "batch. Encode the same image in two different batches"),
        (_Quiet, "this step encodes in training mode and restores mode and running statistics "
         "afterwards: compare the features"),
        (_Column, "in this step one feature depends on the batch, and all others do not: compare "
         "every one")
    ], healthy=[
        (Step, "nothing is wrong with this step. encode() uses the statistics that training has "
         "collected; embed() does not, as it trains")
    ], names={"company"})


SIGNS = {"healthy": "nothing is wrong with this one",
         "gradient": "its friends are no constants (14.b)",
         "itself": "its friends were not in the queue before (14.a)",
         "lengths": "look at the lengths of step.rows",
         "rotated": "its loss at a perfect match is too high; at which other match is it perfect?",
         "inverted": "its loss at a perfect match is too high, and no rotation makes it perfect",
         "company": "its features depend on the batch (14.c)",
         "twins": "look at its two views",
         "sorted": "look at the images whose rows fill the queue, and at their classes"}


@exercise("14.d", reference=diagnose)
def _(trial):
    for seed in (0, 1, 2):
        for name, kind in ZOO.items():
            got = trial(_tiny(kind, seed))
            trial.true(isinstance(got, str) and got == name, SIGNS[name], expected=name, got=got)
