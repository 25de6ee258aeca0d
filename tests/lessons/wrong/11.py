# %%
import numpy as np
from numba import njit

from tinynnclr.kernels.l2_normalize import unit_rows

# %% tags=["exercise:11.a"]
# diagnosis: right indices, wrong method: it writes all 512 x 4,096 similarities and keeps 512 of them
def nearest_lean(queries, bank):
    return (queries @ bank.T).argmax(1)


# %% tags=["exercise:11.a"]
# diagnosis: compiled, but the matrix is still there: compiling hides an allocation and does not avoid it
@njit
def nearest_lean(queries, bank):
    scores = np.zeros((len(queries), len(bank)), np.float32)
    best = np.zeros(len(queries), np.int64)
    for i in range(len(queries)):
        for j in range(len(bank)):
            for k in range(queries.shape[1]):
                scores[i, j] += queries[i, k] * bank[j, k]
            if scores[i, j] > scores[i, best[i]]:
                best[i] = j
    return best


# %% tags=["exercise:11.a"]
# diagnosis: the best so far begins at 0, so that a query whose similarities are all negative keeps row 0
def nearest_lean(queries, bank):
    best, top = np.zeros(len(queries), np.int64), np.zeros(len(queries), np.float32)
    for j, row in enumerate(bank):
        scores = queries @ row
        better = scores > top
        best[better], top[better] = j, scores[better]
    return best


# %% tags=["exercise:11.a"]
# diagnosis: >= lets a later row of the same similarity take the place: the last of equals wins
@njit
def nearest_lean(queries, bank):
    best = np.zeros(len(queries), np.int64)
    for i in range(len(queries)):
        top = np.float32(-np.inf)
        for j in range(len(bank)):
            score = np.float32(0)
            for k in range(queries.shape[1]):
                score += queries[i, k] * bank[j, k]
            if score >= top:
                top, best[i] = score, j
    return best


# %% tags=["exercise:11.a"]
# diagnosis: whole blocks only: the rows after the last whole block are never looked at
def nearest_lean(queries, bank):
    best, top = np.zeros(len(queries), np.int64), np.full(len(queries), -np.inf, np.float32)
    size = min(64, len(bank))
    for block in range(len(bank) // size):
        scores = queries @ bank[block * size:(block + 1) * size].T
        place = scores.argmax(1)
        value = scores.max(1)
        better = value > top
        best[better], top[better] = block * size + place[better], value[better]
    return best


# %% tags=["exercise:11.a"]
# diagnosis: argmax takes a NaN for the largest, "NaN > top" is false, and so a NaN hides all rows of its block
def nearest_lean(queries, bank):
    best, top = np.zeros(len(queries), np.int64), np.full(len(queries), -np.inf, np.float32)
    for start in range(0, len(bank), 64):
        scores = queries @ bank[start:start + 64].T
        place, value = scores.argmax(1), scores.max(1)
        better = value > top
        best[better], top[better] = start + place[better], value[better]
    return best


# %% tags=["exercise:11.b"]
# diagnosis: argpartition finds the k largest, but sorting them afterwards forgets who came first among equals
def top_k(scores, k):
    some = np.argpartition(scores, len(scores) - k)[len(scores) - k:]
    indices = some[np.argsort(scores[some])[::-1]]
    return indices, scores[indices]


# %% tags=["exercise:11.b"]
# diagnosis: right values, wrong method: it sorts a hundred thousand scores to keep five
def top_k(scores, k):
    indices = np.argsort(-scores, kind="stable")[:k]
    return indices, scores[indices]


# %% tags=["exercise:11.b"]
# diagnosis: the list begins with zeros, so that no negative score ever gets in
@njit
def top_k(scores, k):
    values, indices = np.zeros(k, np.float32), np.zeros(k, np.int64)
    for j in range(len(scores)):
        if scores[j] > values[k - 1]:
            place = k - 1
            while place > 0 and scores[j] > values[place - 1]:
                values[place], indices[place] = values[place - 1], indices[place - 1]
                place -= 1
            values[place], indices[place] = scores[j], j
    return indices, values


# %% tags=["exercise:11.b"]
# diagnosis: the new score takes the last place and stays there: the right k, in the order in which they came
def top_k(scores, k):
    values, indices = np.full(k, -np.inf, scores.dtype), np.full(k, -1)
    for j, score in enumerate(scores):
        last = values.argmin()
        if score > values[last]:
            values[last], indices[last] = score, j
    return indices, values


# %% tags=["exercise:11.b"]
# diagnosis: >= on the way up lets a newcomer pass its equals: the last of them comes first
def top_k(scores, k):
    values, indices = np.full(k, -np.inf, scores.dtype), np.full(k, -1)
    for j, score in enumerate(scores):
        if score > values[k - 1]:
            place = k - 1
            while place > 0 and score >= values[place - 1]:
                values[place], indices[place] = values[place - 1], indices[place - 1]
                place -= 1
            values[place], indices[place] = score, j
    return indices, values


# %% tags=["exercise:11.c"]
# diagnosis: everything is normalised first, so that all three agree by construction and nothing is compared
def winners(queries, bank):
    q, s = unit_rows(queries), unit_rows(bank)
    dot = q @ s.T
    return np.stack([dot.argmax(1), dot.argmax(1), (2 - 2 * dot).argmin(1)], 1)


# %% tags=["exercise:11.c"]
# diagnosis: only the queries are normalised; their length never mattered, so the "cosine" is the dot product again
def winners(queries, bank):
    cosine = unit_rows(queries) @ bank.T
    distance = np.linalg.norm(queries[:, None] - bank, axis=2)
    return np.stack([(queries @ bank.T).argmax(1), cosine.argmax(1), distance.argmin(1)], 1)


# %% tags=["exercise:11.c"]
# diagnosis: the largest distance is taken as if it were a similarity: that is the farthest row
def winners(queries, bank):
    dot, cosine = queries @ bank.T, unit_rows(queries) @ unit_rows(bank).T
    distance = np.linalg.norm(queries[:, None] - bank, axis=2)
    return np.stack([scores.argmax(1) for scores in (dot, cosine, distance)], 1)


# %% tags=["exercise:11.c"]
# diagnosis: |s|^2 is dropped from |q|^2 + |s|^2 - 2 q.s together with |q|^2, but it differs from row to row
def winners(queries, bank):
    dot, cosine = queries @ bank.T, unit_rows(queries) @ unit_rows(bank).T
    return np.stack([dot.argmax(1), cosine.argmax(1), (-2 * dot).argmin(1)], 1)


# %% tags=["exercise:11.a"]
# diagnosis: the best so far begins at -1e9, which a similarity may fall short of
def nearest_lean(queries, bank):
    best = np.zeros(len(queries), np.int64)
    top = np.full(len(queries), -1e9, np.float32)
    every = np.arange(len(queries))
    for start in range(0, len(bank), 64):
        scores = queries @ bank[start:start + 64].T  # (b, 64): 128 KB, used while it is in the cache
        scores[np.isnan(scores)] = -np.inf           # argmax would take a NaN for the largest
        place = scores.argmax(1)                     # the first of equals in this block
        value = scores[every, place]
        better = value > top                         # ">": the first of equals among all blocks
        best[better], top[better] = start + place[better], value[better]
    return best


# %% tags=["exercise:11.b"]
# diagnosis: the list begins with -1e9, which a score may fall short of
def top_k(scores, k):
    values, indices = np.full(k, -1e9, scores.dtype), np.full(k, -1)
    for j, score in enumerate(scores):
        if score > values[k - 1]:                    # most scores stop here: one comparison each
            place = k - 1
            while place > 0 and score > values[place - 1]:
                values[place], indices[place] = values[place - 1], indices[place - 1]
                place -= 1
            values[place], indices[place] = score, j
    return indices, values


# %% tags=["exercise:11.b"]
# diagnosis: right places in an array of floats, which cannot be indices
def top_k(scores, k):
    values, indices = np.full(k, -np.inf, scores.dtype), np.full(k, -1.0)
    for j, score in enumerate(scores):
        if score > values[k - 1]:                    # most scores stop here: one comparison each
            place = k - 1
            while place > 0 and score > values[place - 1]:
                values[place], indices[place] = values[place - 1], indices[place - 1]
                place -= 1
            values[place], indices[place] = score, j
    return indices, values
