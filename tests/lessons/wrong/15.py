# %% [markdown]
# # 15 · Plausible ways to get it wrong

# %%
import math

import numpy as np

# %% tags=["exercise:15.a"]
# diagnosis: the own row is a candidate, and being the nearest it is the one that the inner bound removes
def ring_mask(similarities, ids, outer, inner):
    n = similarities.shape[1]
    order = np.argsort(-similarities, axis=1)
    ring = np.zeros(similarities.shape, bool)
    np.put_along_axis(ring, order[:, math.floor(inner * n + 1e-9):math.floor(outer * n + 1e-9)], True, axis=1)
    return ring

# %% tags=["exercise:15.a"]
# diagnosis: the own row is crossed out at the end, but took a place in the ranking first
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    order = np.argsort(-similarities, axis=1)
    ring = np.zeros(similarities.shape, bool)
    near, far = math.floor(inner * (n - 1) + 1e-9), math.floor(outer * (n - 1) + 1e-9)
    np.put_along_axis(ring, order[:, near:far], True, axis=1)
    ring[np.arange(b), ids] = False
    return ring

# %% tags=["exercise:15.a"]
# diagnosis: the shares are of the batch's rows instead of the bank's; one anchor always gets one negative
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf
    near, far = math.floor(inner * b + 1e-9), math.floor(outer * b + 1e-9)
    ring = np.zeros(s.shape, bool)
    np.put_along_axis(ring, np.argsort(-s, axis=1)[:, near:max(far, near + 1)], True, axis=1)
    return ring

# %% tags=["exercise:15.a"]
# diagnosis: off by one: the rank at the outer edge is taken in, ten instead of nine
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf
    near, far = math.floor(inner * (n - 1) + 1e-9), math.floor(outer * (n - 1) + 1e-9)
    ring = np.zeros(s.shape, bool)
    np.put_along_axis(ring, np.argsort(-s, axis=1)[:, near:far + 1], True, axis=1)
    ring[np.arange(b), ids] = False
    return ring

# %% tags=["exercise:15.a"]
# diagnosis: one pair of thresholds for all rows: an anchor with low similarities gets no negatives, another too many
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    own = np.zeros(similarities.shape, bool)
    own[np.arange(b), ids] = True
    near, far = math.floor(inner * (n - 1) + 1e-9), math.floor(outer * (n - 1) + 1e-9)
    others = np.sort(similarities[~own])[::-1]
    ring = ~own & (similarities >= others[b * far - 1])
    return ring & (similarities < others[b * near - 1]) if near else ring

# %% tags=["exercise:15.a"]
# diagnosis: floor(0.29 * 100) is 28, because 0.29 * 100 is 28.999... to a computer
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf
    near, far = math.floor(inner * (n - 1)), math.floor(outer * (n - 1))
    ring = np.zeros(s.shape, bool)
    np.put_along_axis(ring, np.argsort(-s, axis=1)[:, near:max(far, near + 1)], True, axis=1)
    return ring

# %% tags=["exercise:15.a"]
# diagnosis: the inner bound lacks the hair that the outer one has
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf
    near, far = math.floor(inner * (n - 1)), math.floor(outer * (n - 1) + 1e-9)
    ring = np.zeros(s.shape, bool)
    np.put_along_axis(ring, np.argsort(-s, axis=1)[:, near:max(far, near + 1)], True, axis=1)
    return ring

# %% tags=["exercise:15.a"]
# diagnosis: the inner bound is a share of all rows, one's own among them
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf
    near, far = math.floor(inner * n + 1e-9), math.floor(outer * (n - 1) + 1e-9)
    ring = np.zeros(s.shape, bool)
    np.put_along_axis(ring, np.argsort(-s, axis=1)[:, near:max(far, near + 1)], True, axis=1)
    return ring

# %% tags=["exercise:15.a"]
# diagnosis: the farthest instead of the nearest: the order was not turned round
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = np.inf
    near, far = math.floor(inner * (n - 1) + 1e-9), math.floor(outer * (n - 1) + 1e-9)
    ring = np.zeros(s.shape, bool)
    np.put_along_axis(ring, np.argsort(s, axis=1)[:, near:max(far, near + 1)], True, axis=1)
    return ring

# %% tags=["exercise:15.a"]
# diagnosis: right ranks, wrong method: every row is put in order from end to end for two edges
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf
    near, far = math.floor(inner * (n - 1) + 1e-9), math.floor(outer * (n - 1) + 1e-9)
    ring = np.zeros(s.shape, bool)
    np.put_along_axis(ring, np.argsort(-s, axis=1)[:, near:max(far, near + 1)], True, axis=1)
    return ring

# %% tags=["exercise:15.a"]
# diagnosis: right ranks, wrong method: two edges, read off rows that were sorted in place
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf
    near, far = math.floor(inner * (n - 1) + 1e-9), math.floor(outer * (n - 1) + 1e-9)
    ordered = s.copy()
    ordered.sort(axis=1)
    ring = s >= ordered[:, -max(far, near + 1), None]
    return ring & (s < ordered[:, -near, None]) if near else ring

# %% tags=["exercise:15.a"]
# diagnosis: nobody is left where the two bounds meet, and a loss without negatives teaches nothing
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf
    near, far = math.floor(inner * (n - 1) + 1e-9), math.floor(outer * (n - 1) + 1e-9)
    ring = np.zeros(s.shape, bool)
    for count, value in ((far, True), (near, False)):
        if count:
            np.put_along_axis(ring, np.argpartition(-s, count - 1, axis=1)[:, :count], value, axis=1)
    return ring

# %% tags=["exercise:15.b"]
# diagnosis: the way is measured against the whole run, so the ball arrives late; until = 1 hides it
def ball_share(step, total, outer, until, kind):
    p = step / total
    if kind == "exponential":
        return outer ** p
    p = math.floor(4 * p) / 4 if kind == "step" else p
    return 1 - p * (1 - outer)

# %% tags=["exercise:15.b"]
# diagnosis: nothing stops it at outer: it shrinks on, below nothing
def ball_share(step, total, outer, until, kind):
    p = step / (until * total) if until > 0 else 1.0
    if kind == "exponential":
        return outer ** p
    p = math.floor(4 * p) / 4 if kind == "step" else p
    return 1 - p * (1 - outer)

# %% tags=["exercise:15.b"]
# diagnosis: the exponential is a misspelt name and falls through to the straight line
def ball_share(step, total, outer, until, kind):
    way = until * total
    p = min(1.0, step / way) if way > 0 else 1.0
    if kind == "exponential_decay":
        return outer ** p
    p = math.floor(4 * p) / 4 if kind == "step" else p
    return 1 - p * (1 - outer)

# %% tags=["exercise:15.b"]
# diagnosis: the steps are rounded to the nearest quarter, so that each comes half a quarter early
def ball_share(step, total, outer, until, kind):
    way = until * total
    p = min(1.0, step / way) if way > 0 else 1.0
    if kind == "exponential":
        return outer ** p
    p = round(4 * p) / 4 if kind == "step" else p
    return 1 - p * (1 - outer)

# %% tags=["exercise:15.b"]
# diagnosis: the wrong way round: the ball grows from outer to everything
def ball_share(step, total, outer, until, kind):
    way = until * total
    p = min(1.0, step / way) if way > 0 else 1.0
    if kind == "exponential":
        return outer ** (1 - p)
    p = math.floor(4 * p) / 4 if kind == "step" else p
    return outer + p * (1 - outer)

# %% tags=["exercise:15.c"]
# diagnosis: masked with a logit of 0: exp(0) = 1, so everybody outside the ring is still a candidate
def ring_loss(positive, others, allowed, temperature):
    logits = np.concatenate([positive[:, None], np.where(allowed, others, 0)], axis=1) / temperature
    largest = logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0] - logits[:, 0])

# %% tags=["exercise:15.c"]
# diagnosis: the positive is masked away: it competes with nobody's share of its own, and the loss can fall below 0
def ring_loss(positive, others, allowed, temperature):
    logits = np.where(allowed, others, -np.inf) / temperature
    largest = logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0] - positive / temperature)

# %% tags=["exercise:15.c"]
# diagnosis: the mask is turned round: those outside the ring push; a ring of everything pushes nobody
def ring_loss(positive, others, allowed, temperature):
    logits = np.concatenate([positive[:, None], np.where(allowed, -np.inf, others)], axis=1) / temperature
    largest = logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0] - logits[:, 0])

# %% tags=["exercise:15.c"]
# diagnosis: the mean over all negatives of the batch at once: a picture with a small ring counts less
def ring_loss(positive, others, allowed, temperature):
    total = np.exp(positive / temperature).sum() + np.exp(others[allowed] / temperature).sum()
    return np.log(total / len(positive)) - np.mean(positive) / temperature

# %% tags=["exercise:15.c"]
# diagnosis: multiplied by the mask: similarity 0 is a similarity, in the middle of all others
def ring_loss(positive, others, allowed, temperature):
    logits = np.concatenate([positive[:, None], others * allowed], axis=1) / temperature
    largest = logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0] - logits[:, 0])

# %% tags=["exercise:15.c"]
# diagnosis: right until exp overflows at a low temperature
def ring_loss(positive, others, allowed, temperature):
    up = np.exp(positive / temperature)
    return np.mean(-np.log(up / (up + (allowed * np.exp(others / temperature)).sum(axis=1))))


# %% tags=["exercise:15.a"]
# diagnosis: np.partition is asked for another place than the one that is read, right by luck for short rows
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf  # the own row comes last, and no share counts it
    near, far = (math.floor(share * (n - 1) + 1e-9) for share in (inner, outer))
    far = max(far, near + 1)

    def edge(rank):
        return np.partition(s, rank, axis=1)[:, n - 1 - rank, None]  # (b, 1)

    ring = s >= edge(far - 1)
    return ring & (s < edge(near - 1)) if near else ring


# %% tags=["exercise:15.a"]
# diagnosis: a ring may be empty: one negative at least was promised
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf  # the own row comes last, and no share counts it
    near, far = (math.floor(share * (n - 1) + 1e-9) for share in (inner, outer))

    def edge(rank):
        return np.partition(s, n - 1 - rank, axis=1)[:, n - 1 - rank, None]  # (b, 1)

    if far <= near:
        return np.zeros(s.shape, bool)
    ring = s >= edge(far - 1)
    return ring & (s < edge(near - 1)) if near else ring


# %% tags=["exercise:15.b"]
# diagnosis: a quarter begins only after it: at p = 0.25 exactly nothing has changed
def ball_share(step, total, outer, until, kind):
    way = until * total
    p = min(1.0, step / way) if way > 0 else 1.0
    if kind == "exponential":
        return outer ** p
    if kind == "step":
        p = max(0, math.ceil(4 * p) - (p < 1)) / 4
    return 1 - p * (1 - outer)


# %% tags=["exercise:15.b"]
# diagnosis: a way of one step is taken for none
def ball_share(step, total, outer, until, kind):
    way = until * total
    p = min(1.0, step / way) if way > 1 else 1.0
    if kind == "exponential":
        return outer ** p
    if kind == "step":
        p = math.floor(4 * p) / 4
    return 1 - p * (1 - outer)


# %% tags=["exercise:15.c"]
# diagnosis: one largest logit for all anchors: nothing is left of an anchor far below it
def ring_loss(positive, others, allowed, temperature):
    logits = np.where(allowed, others, -np.inf) / temperature
    logits = np.concatenate([positive[:, None] / temperature, logits], axis=1)
    largest = logits.max(keepdims=True)
    total = np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0]
    return np.mean(total - positive / temperature)


# %% tags=["exercise:15.c"]
# diagnosis: the largest logit is sought before the mask: who is not allowed pushes the positive down to 0
def ring_loss(positive, others, allowed, temperature):
    logits = np.concatenate([positive[:, None], others], axis=1) / temperature
    largest = logits.max(axis=1, keepdims=True)
    kept = np.insert(allowed, 0, True, axis=1)
    total = np.log((np.exp(logits - largest) * kept).sum(axis=1)) + largest[:, 0]
    return np.mean(total - positive / temperature)


# %% tags=["exercise:15.a"]
# diagnosis: np.partition puts one place right, and its neighbour is read
def ring_mask(similarities, ids, outer, inner):
    b, n = similarities.shape
    s = similarities.copy()
    s[np.arange(b), ids] = -np.inf  # the own row comes last, and no share counts it
    near, far = (math.floor(share * (n - 1) + 1e-9) for share in (inner, outer))
    far = max(far, near + 1)

    def edge(rank):
        return np.partition(s, max(n - 2 - rank, 0), axis=1)[:, n - 1 - rank, None]  # (b, 1)

    ring = s >= edge(far - 1)
    return ring & (s < edge(near - 1)) if near else ring
