"""The bug zoo of lesson 14: a step of NNCLR, cut into parts, and eight steps with one bug each.

Every bug has been seen in real code; none raises an error, and each changes one method of Step.
"""
from collections.abc import Iterator

import numpy as np

from tinynnclr.datasets.views import PRESETS, two_views
from tinynnclr.kernels import nearest
from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.methods import method as methods
from tinynnclr.methods.losses import nnclr_loss
from tinynnclr.methods.method import START, Method
from tinynnclr.methods.nnclr import NNCLR
from tinynnclr.methods.support_set import Neighbors
from tinynnclr.models.encode import encode, to_float
from tinynnclr.nn import SGD
from tinynnclr.ops import l2_normalize
from tinynnclr.tensor import Tensor, no_grad
from tinynnclr.train.loop import Task, train


class Step:
    """A training step of `method` on images (n, h, w, 3); labels (n,) are only for monitoring.

    rows (q, d) is the queue, oldest first, and ids (q,) are the images of its rows (-1: none, a
    random direction).
    """

    def __init__(self, method: NNCLR, images: np.ndarray, labels: np.ndarray,
                 queue_size: int = 1024, batch_size: int = 128, seed: int = 0):
        self.method, self.encoder = method, method.encoder
        self.images, self.labels, self.batch_size = images, labels, batch_size
        self.rng = np.random.default_rng(seed)
        self.rows = unit_rows(self.rng.standard_normal((queue_size, method.config.dim), np.float32))
        self.ids = np.full(queue_size, -1)
        self._batches = self._epochs()

    def order(self) -> np.ndarray:
        """The images (n,) in the order of an epoch."""
        return self.rng.permutation(len(self.images))

    def views(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Two random views, each (b, h, w, 3), of the images ids (b,)."""
        return two_views(self.images, ids, PRESETS["toybox"], self.rng,
                         self.method.config.view_size)

    def embed(self, x: np.ndarray) -> Tensor:
        """Views x (b, h, w, 3) -> embeddings z (b, d), of any length."""
        return self.method.projector(self.encoder(x))

    def look(self, z: Tensor) -> tuple[np.ndarray | Tensor, np.ndarray]:
        """The row of the queue nearest to each of z (b, d): rows (b, d) and their images (b,)."""
        found = nearest(unit_rows(z.numpy()), self.rows)[0][:, 0]
        return self.rows[found], self.ids[found]

    def store(self, z: np.ndarray, ids: np.ndarray) -> None:
        """Write z (b, d) of the images ids (b,) into the queue, in place of the oldest b rows."""
        self.rows = np.concatenate([self.rows[len(z):], unit_rows(z)])
        self.ids = np.concatenate([self.ids[len(z):], ids])

    def friends(self, z1: Tensor, z2: Tensor, ids: np.ndarray) -> tuple:
        """Search for both views, then store view 1: n1, n2 (b, d), and the images of n1 (b,)."""
        n1, whose = self.look(z1)
        n2, _ = self.look(z2)
        self.store(z1.numpy(), ids)
        return n1, n2, whose

    def loss(self, n: np.ndarray | Tensor, p: Tensor) -> Tensor:
        """The InfoNCE of friends n (b, d) and predictions p (b, d): one number, in nats."""
        return nnclr_loss(n, p, self.method.config.temperature)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Features h (n, f) of uint8 images (n, h, w, 3), for the evaluation of the encoder."""
        return encode(self.encoder, images)

    def __call__(self, ids: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """The symmetric loss of the images ids (b,), and the images of view 1's friends (b,)."""
        z1, z2 = (self.embed(x) for x in self.views(ids))
        n1, n2, whose = self.friends(z1, z2, ids)
        p1, p2 = self.method.predictor(z1), self.method.predictor(z2)
        return (self.loss(n1, p2) + self.loss(n2, p1)) * 0.5, whose

    def batch(self) -> np.ndarray:
        """The next batch of the epoch: ids (b,)."""
        return next(self._batches)

    def _epochs(self) -> Iterator[np.ndarray]:
        while True:
            order = self.order()
            whole = len(order) // self.batch_size * self.batch_size
            yield from order[:whole].reshape(-1, self.batch_size)

    def fill(self) -> "Step":
        """Replace the queue's random rows by embeddings, without training; returns itself."""
        with no_grad():
            for _ in range(-(-len(self.rows) // self.batch_size)):
                self(self.batch())
        return self

    def train(self, steps: int, lr: float = 0.24) -> tuple[np.ndarray, np.ndarray]:
        """Train: the loss of each step (steps,), and the share of friends of the anchor's class.

        SGD, whose learning rate falls from lr to 0 along half a cosine.
        """
        learner = Learner(self)
        losses, same_class = [], []

        def watch(task, step):
            losses.append(step.value)
            same_class.append((self.labels[step.neighbors.ids] == self.labels[step.ids]).mean())

        batches = (((), self.batch()) for _ in range(steps))
        train(Task(learner, SGD(learner.parameters(), lr), steps), batches, [watch])
        return np.array(losses), np.array(same_class)


class Learner(Method):
    """A step of the zoo as a method for the package's training loop."""

    def __init__(self, step: Step):
        self.method, self.step = step.method, step

    def forward(self, views, ids, progress=START):
        loss, found = self.step(ids)
        return methods.Step(loss, ids, neighbors=Neighbors(found, found, found))


class Gradient(Step):
    """No stop-gradient through the friend (as in Keras' example of NNCLR, on purpose)."""

    def look(self, z):
        rows, whose = super().look(z)
        z = l2_normalize(z)
        return z + (rows - z.numpy()), whose


class Itself(Step):
    """Stores before it searches, so every row finds itself."""

    def friends(self, z1, z2, ids):
        self.store(z1.numpy(), ids)
        (n1, whose), (n2, _) = self.look(z1), self.look(z2)
        return n1, n2, whose


class Lengths(Step):
    """The queue is not scaled to length 1: the longest rows win."""

    def store(self, z, ids):
        self.rows = np.concatenate([self.rows[len(z):], z])
        self.ids = np.concatenate([self.ids[len(z):], ids])


class Rotated(Step):
    """Positives are off by one: each prediction belongs to the friend of its neighbour."""

    def loss(self, n, p):
        return nnclr_loss(np.roll(n, 1, axis=0), p, self.method.config.temperature)


class Inverted(Step):
    """Similarities are multiplied by the temperature instead of divided."""

    def loss(self, n, p):
        return nnclr_loss(n, p, 1 / self.method.config.temperature)


class Company(Step):
    """The encoder is evaluated in training mode: its batch norms depend on the batch."""

    def encode(self, images):
        self.encoder.train()
        with no_grad():
            return np.concatenate([self.encoder(to_float(images[i:i + 500])).numpy()
                                   for i in range(0, len(images), 500)])


class Twins(Step):
    """One seed for both views, so that they are the same picture."""

    def views(self, ids):
        seed, size = self.rng.integers(2**32), self.method.config.view_size
        x1, x2 = (two_views(self.images, ids, PRESETS["toybox"], np.random.default_rng(seed),
                            size)[0] for _ in range(2))
        return x1, x2


class Sorted(Step):
    """No shuffling: images come class by class and fill the queue with one class."""

    def order(self):
        return np.argsort(self.labels, kind="stable")


ZOO: dict[str, type[Step]] = {"healthy": Step, "gradient": Gradient, "itself": Itself,
                              "lengths": Lengths, "rotated": Rotated, "inverted": Inverted,
                              "company": Company, "twins": Twins, "sorted": Sorted}


def patient(seed: int, *given, **options) -> Step:
    """One of ZOO, chosen by the seed, whose class hides its name; the rest are Step's arguments."""
    kind = list(ZOO.values())[np.random.default_rng((14, seed)).integers(len(ZOO))]
    return type("Step", (kind,), {"__doc__": Step.__doc__})(*given, seed=seed, **options)
