# %% [markdown]
# # 12 · Plausible ways to get it wrong

# %%
import numpy as np

from tinynnclr import ops
from tinynnclr.kernels import nearest
from tinynnclr.methods import losses
from tinynnclr.kernels.l2_normalize import unit_rows
from tinynnclr.tensor import Tensor

# %% tags=["exercise:12.a"]
# diagnosis: straight-through: z + (neighbour - z) has the right value, and lets the gradient into z
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    u1, u2 = ops.l2_normalize(z1), ops.l2_normalize(z2)
    n1, n2 = (queue[(u.numpy() @ queue.T).argmax(axis=1)] for u in (u1, u2))
    n1, n2 = u1 + (n1 - u1.numpy()), u2 + (n2 - u2.numpy())
    return (losses.nnclr_loss(n1, p2, temperature) + losses.nnclr_loss(n2, p1, temperature)) * 0.5

# %% tags=["exercise:12.a"]
# diagnosis: the prediction goes looking: p is there to be compared, z to be searched with
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    n1, n2 = (queue[(unit_rows(p.numpy()) @ queue.T).argmax(axis=1)] for p in (p1, p2))
    return (losses.nnclr_loss(n1, p2, temperature) + losses.nnclr_loss(n2, p1, temperature)) * 0.5

# %% tags=["exercise:12.a"]
# diagnosis: the batch enters the queue before the search, so everybody finds itself
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    queue = np.concatenate([queue, unit_rows(z1.numpy())])
    n1, n2 = (queue[(unit_rows(z.numpy()) @ queue.T).argmax(axis=1)] for z in (z1, z2))
    return (losses.nnclr_loss(n1, p2, temperature) + losses.nnclr_loss(n2, p1, temperature)) * 0.5

# %% tags=["exercise:12.a"]
# diagnosis: predictions are not scaled to length 1: long ones win every line-up
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    n1, n2 = (queue[(unit_rows(z.numpy()) @ queue.T).argmax(axis=1)] for z in (z1, z2))
    labels = np.arange(len(n1))
    first, second = (ops.cross_entropy(ops.matmul(n, p.T) * (1 / temperature), labels=labels)
                     for n, p in ((n1, p2), (n2, p1)))
    return (first + second) * 0.5

# %% tags=["exercise:12.a"]
# diagnosis: a neighbour is compared with the prediction of the view that found it: one view talks to itself
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    n1, n2 = (queue[(unit_rows(z.numpy()) @ queue.T).argmax(axis=1)] for z in (z1, z2))
    return (losses.nnclr_loss(n1, p1, temperature) + losses.nnclr_loss(n2, p2, temperature)) * 0.5

# %% tags=["exercise:12.a"]
# diagnosis: one half only: view 2 is never searched with, and view 1 never predicts
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    return losses.nnclr_loss(queue[(unit_rows(z1.numpy()) @ queue.T).argmax(axis=1)], p2, temperature)

# %% tags=["exercise:12.a"]
# diagnosis: the sum of the halves: twice the loss, which the learning rate will feel
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    n1, n2 = (queue[(unit_rows(z.numpy()) @ queue.T).argmax(axis=1)] for z in (z1, z2))
    return losses.nnclr_loss(n1, p2, temperature) + losses.nnclr_loss(n2, p1, temperature)

# %% tags=["exercise:12.a"]
# diagnosis: the queue provides the negatives, as in MoCo: every anchor must find its row among all rows of the queue
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    total = 0
    for z, p in ((z1, p2), (z2, p1)):
        found = (unit_rows(z.numpy()) @ queue.T).argmax(axis=1)
        total = total + ops.cross_entropy(ops.matmul(ops.l2_normalize(p), queue.T) * (1 / temperature), labels=found)
    return total * 0.5

# %% tags=["exercise:12.a"]
# diagnosis: rows and columns exchanged: each prediction is asked for its neighbour, not each neighbour for its answer
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    n1, n2 = (queue[(unit_rows(z.numpy()) @ queue.T).argmax(axis=1)] for z in (z1, z2))
    labels = np.arange(len(n1))
    first, second = (ops.cross_entropy(ops.matmul(ops.l2_normalize(p), n.T) * (1 / temperature), labels=labels)
                     for n, p in ((n1, p2), (n2, p1)))
    return (first + second) * 0.5

# %% tags=["exercise:12.a"]
# diagnosis: everything is a constant, the predictions too: the right number, and nothing learns
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    n1, n2 = (queue[(unit_rows(z.numpy()) @ queue.T).argmax(axis=1)] for z in (z1, z2))
    p1, p2 = Tensor(p1.numpy()), Tensor(p2.numpy())
    return (losses.nnclr_loss(n1, p2, temperature) + losses.nnclr_loss(n2, p1, temperature)) * 0.5

# %% tags=["exercise:12.b"]
# diagnosis: the logarithm of the mean number of sharers per neighbour: right only where all are equally popular
def lowest_loss(found):
    return np.log(len(found) / len(np.unique(found)))

# %% tags=["exercise:12.b"]
# diagnosis: the mean over neighbours, not over anchors: a popular neighbour is paid for once
def lowest_loss(found):
    return np.log(np.unique(found, return_counts=True)[1]).mean()

# %% tags=["exercise:12.b"]
# diagnosis: the logarithm of the number of different neighbours: what can be told apart, not what cannot
def lowest_loss(found):
    return np.log(len(np.unique(found)))

# %% tags=["exercise:12.b"]
# diagnosis: the logarithm of the mean, which is never below the mean of the logarithms (Jensen)
def lowest_loss(found):
    return np.log((found[:, None] == found).sum(axis=1).mean())

# %% tags=["exercise:12.b"]
# diagnosis: the sum over the anchors, where the loss is their mean
def lowest_loss(found):
    return np.log((found[:, None] == found).sum(axis=1)).sum()

# %% tags=["exercise:12.b"]
# diagnosis: an anchor is not counted among those who share its neighbour
def lowest_loss(found):
    return np.log(np.maximum((found[:, None] == found).sum(axis=1) - 1, 1)).mean()

# %% tags=["exercise:12.c"]
# diagnosis: one draw for the whole batch: everybody takes the neighbour of the same rank
def random_of_top(z, queue, k, rng):
    return nearest(unit_rows(z), queue, k)[0][:, rng.integers(0, k)]

# %% tags=["exercise:12.c"]
# diagnosis: right neighbours, right shares, but from a generator of its own, without a seed: no run can be repeated
def random_of_top(z, queue, k, rng):
    return nearest(unit_rows(z), queue, k)[0][np.arange(len(z)), np.random.default_rng().integers(0, k, len(z))]

# %% tags=["exercise:12.c"]
# diagnosis: argsort puts the least similar first, and the first k are taken
def random_of_top(z, queue, k, rng):
    places = (unit_rows(z) @ queue.T).argsort(axis=1)[:, :k]
    return places[np.arange(len(z)), rng.integers(0, k, len(z))]

# %% tags=["exercise:12.c"]
# diagnosis: the upper end of `integers` is left out already: with k - 1 the k-th neighbour never comes
def random_of_top(z, queue, k, rng):
    return nearest(unit_rows(z), queue, k)[0][np.arange(len(z)), rng.integers(0, max(k - 1, 1), len(z))]

# %% tags=["exercise:12.c"]
# diagnosis: the rank is returned, not the place in the queue
def random_of_top(z, queue, k, rng):
    return rng.integers(0, k, len(z))

# %% tags=["exercise:12.c"]
# diagnosis: drawn by a softmax of the cosines: the nearest comes more often, which is lesson 16's idea, not this one
def random_of_top(z, queue, k, rng):
    places, similarities = nearest(unit_rows(z), queue, k)
    noise = rng.gumbel(size=similarities.shape)  # the largest of logits + Gumbel noise: a draw from their softmax
    return places[np.arange(len(z)), (similarities / 0.1 + noise).argmax(axis=1)]

# %% tags=["exercise:12.c"]
# diagnosis: the neighbours themselves, not their places
def random_of_top(z, queue, k, rng):
    return queue[nearest(unit_rows(z), queue, k)[0][np.arange(len(z)), rng.integers(0, k, len(z))]]


# %% tags=["exercise:12.a"]
# diagnosis: right, but the new rows go into the queue that was given: the caller lets them in, after the step
def symmetric_loss(z1, z2, p1, p2, queue, temperature):
    n1 = queue[(unit_rows(z1.numpy()) @ queue.T).argmax(axis=1)]  # arrays: no gradient can enter
    n2 = queue[(unit_rows(z2.numpy()) @ queue.T).argmax(axis=1)]
    loss = (losses.nnclr_loss(n1, p2, temperature) + losses.nnclr_loss(n2, p1, temperature)) * 0.5
    queue[:len(z1)] = unit_rows(z1.numpy())[:len(queue)]
    return loss
