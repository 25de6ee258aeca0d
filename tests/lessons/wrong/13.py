# %% [markdown]
# # 13 · Plausible ways to get it wrong

# %%
import math

import numpy as np

from tinynnclr.metrics import confidence as interval
from tinynnclr.metrics import linear_probe as linear

# %% tags=["exercise:13.a"]
# diagnosis: own is not looked at: a query that is in train votes for itself, the leak of this lesson
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ rows.T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    votes = np.exp(np.take_along_axis(cosines, nearest, axis=1) / temperature)
    scores = np.zeros((len(queries), labels.max() + 1))
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.argmax(axis=1)

# %% tags=["exercise:13.a"]
# diagnosis: the nearest row is dropped for every query, also where it is somebody else
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ rows.T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, 1:k + 1]
    votes = np.exp(np.take_along_axis(cosines, nearest, axis=1) / temperature)
    scores = np.zeros((len(queries), labels.max() + 1))
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.argmax(axis=1)

# %% tags=["exercise:13.a"]
# diagnosis: the own row loses its vote after the k nearest were taken, so only k - 1 others vote
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ rows.T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    votes = np.exp(np.take_along_axis(cosines, nearest, axis=1) / temperature) * (nearest != own[:, None])
    scores = np.zeros((len(queries), labels.max() + 1))
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.argmax(axis=1)

# %% tags=["exercise:13.a"]
# diagnosis: the own row's cosine is set to 0: many honest neighbours are farther away than that
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ rows.T
    cosines[own[:, None] == np.arange(len(rows))] = 0
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    votes = np.exp(np.take_along_axis(cosines, nearest, axis=1) / temperature)
    scores = np.zeros((len(queries), labels.max() + 1))
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.argmax(axis=1)

# %% tags=["exercise:13.a"]
# diagnosis: one neighbour, one vote: no weights
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ rows.T
    cosines[own[:, None] == np.arange(len(rows))] = -np.inf
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return np.array([np.bincount(line).argmax() for line in labels[nearest]])

# %% tags=["exercise:13.a"]
# diagnosis: exp(cosine) without the temperature: votes between 0.37 and 2.7, nearly a plain majority
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ rows.T
    cosines[own[:, None] == np.arange(len(rows))] = -np.inf
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    votes = np.exp(np.take_along_axis(cosines, nearest, axis=1))
    scores = np.zeros((len(queries), labels.max() + 1))
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.argmax(axis=1)

# %% tags=["exercise:13.a"]
# diagnosis: the queries are centred on their own mean: each answer then depends on who else is asked
def knn_classes(train, labels, queries, own, k, temperature):
    rows = train - train.mean(axis=0)
    if len(queries) > 1:
        queries = queries - queries.mean(axis=0)
    else:
        queries = queries - train.mean(axis=0)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ rows.T
    cosines[own[:, None] == np.arange(len(rows))] = -np.inf
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(cosines, nearest, axis=1)
    votes = np.exp((found - found[:, :1]) / temperature)
    scores = np.zeros((len(queries), labels.max() + 1))
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.argmax(axis=1)

# %% tags=["exercise:13.a"]
# diagnosis: dot products of centred rows, never scaled to length 1: the longest row wins
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    scores = (queries - mean) @ (train - mean).T
    scores[own[:, None] == np.arange(len(train))] = -np.inf
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(scores, nearest, axis=1)
    votes = np.exp((found - found[:, :1]) / temperature)
    total = np.zeros((len(queries), labels.max() + 1))
    np.add.at(total, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return total.argmax(axis=1)

# %% tags=["exercise:13.a"]
# diagnosis: right, until exp(cosine / temperature) is infinite in float32
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = queries / np.linalg.norm(queries, axis=1, keepdims=True) @ rows.T
    cosines[own[:, None] == np.arange(len(rows))] = -np.inf
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    votes = np.exp(np.take_along_axis(cosines, nearest, axis=1) / temperature)
    scores = np.zeros((len(queries), labels.max() + 1), votes.dtype)
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.argmax(axis=1)

# %% tags=["exercise:13.b"]
# diagnosis: mean and spread of train and test together: right for a test set that looks like train, and fitted on test
def probe_probabilities(train, labels, test, strength):
    everything = np.concatenate([train, test])
    mean, spread = everything.mean(axis=0), np.maximum(everything.std(axis=0), 1e-6)
    w = linear.fit_softmax((train - mean) / spread, labels, labels.max() + 1, strength)
    p = np.exp((test - mean) / spread @ w[:-1] + w[-1])
    return p / p.sum(axis=1, keepdims=True)

# %% tags=["exercise:13.b"]
# diagnosis: test is standardised by itself: one picture alone becomes all zeros
def probe_probabilities(train, labels, test, strength):
    def standardise(x):
        return (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-6)

    w = linear.fit_softmax(standardise(train), labels, labels.max() + 1, strength)
    p = np.exp(standardise(test) @ w[:-1] + w[-1])
    return p / p.sum(axis=1, keepdims=True)

# %% tags=["exercise:13.b"]
# diagnosis: train is standardised, test is not
def probe_probabilities(train, labels, test, strength):
    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    w = linear.fit_softmax((train - mean) / spread, labels, labels.max() + 1, strength)
    p = np.exp(test @ w[:-1] + w[-1])
    return p / p.sum(axis=1, keepdims=True)

# %% tags=["exercise:13.b"]
# diagnosis: no standardisation at all: the weight decay holds back whatever has a small spread
def probe_probabilities(train, labels, test, strength):
    w = linear.fit_softmax(train - train.mean(axis=0), labels, labels.max() + 1, strength)
    p = np.exp((test - train.mean(axis=0)) @ w[:-1] + w[-1])
    return p / p.sum(axis=1, keepdims=True)

# %% tags=["exercise:13.b"]
# diagnosis: the bias, the last row of the weights, is left out
def probe_probabilities(train, labels, test, strength):
    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    w = linear.fit_softmax((train - mean) / spread, labels, labels.max() + 1, strength)
    p = np.exp((test - mean) / spread @ w[:-1])
    return p / p.sum(axis=1, keepdims=True)

# %% tags=["exercise:13.b"]
# diagnosis: divided by a spread of 0 where a feature is constant, such as a ReLU that never fires
def probe_probabilities(train, labels, test, strength):
    mean, spread = train.mean(axis=0), train.std(axis=0)
    w = linear.fit_softmax((train - mean) / spread, labels, labels.max() + 1, strength)
    p = np.exp((test - mean) / spread @ w[:-1] + w[-1])
    return p / p.sum(axis=1, keepdims=True)

# %% tags=["exercise:13.b"]
# diagnosis: one mean and one spread for all features together (no axis)
def probe_probabilities(train, labels, test, strength):
    mean, spread = train.mean(), max(train.std(), 1e-6)
    w = linear.fit_softmax((train - mean) / spread, labels, labels.max() + 1, strength)
    p = np.exp((test - mean) / spread @ w[:-1] + w[-1])
    return p / p.sum(axis=1, keepdims=True)

# %% tags=["exercise:13.c"]
# diagnosis: pairs by place: the first seed of one dictionary with the first of the other
def conclude(first, second, margin):
    differences = [100 * (a - b) for a, b in zip(first.values(), second.values(), strict=False)]
    if len(first.keys() & second.keys()) < 2:
        return "too few seeds", math.nan, math.nan
    mean, half = interval.mean_and_interval(differences)
    low, high = mean - half, mean + half
    alike = "alike" if -margin < low and high < margin else "cannot tell"
    return "better" if low > 0 else "worse" if high < 0 else alike, low, high

# %% tags=["exercise:13.c"]
# diagnosis: right mean, wrong method: the spreads of both arms added up, as if their seeds had nothing in common
def conclude(first, second, margin):
    seeds = sorted(first.keys() & second.keys())
    if len(seeds) < 2:
        return "too few seeds", math.nan, math.nan
    a, half_a = interval.mean_and_interval([100 * first[seed] for seed in seeds])
    b, half_b = interval.mean_and_interval([100 * second[seed] for seed in seeds])
    low, high = a - b - math.hypot(half_a, half_b), a - b + math.hypot(half_a, half_b)
    alike = "alike" if -margin < low and high < margin else "cannot tell"
    return "better" if low > 0 else "worse" if high < 0 else alike, low, high

# %% tags=["exercise:13.c"]
# diagnosis: 1.96 standard errors, which need dozens of seeds to be honest
def conclude(first, second, margin):
    d = 100 * np.array([first[seed] - second[seed] for seed in first if seed in second])
    if len(d) < 2:
        return "too few seeds", math.nan, math.nan
    half = 1.96 * d.std(ddof=1) / math.sqrt(len(d))
    low, high = d.mean() - half, d.mean() + half
    alike = "alike" if -margin < low and high < margin else "cannot tell"
    return "better" if low > 0 else "worse" if high < 0 else alike, low, high

# %% tags=["exercise:13.c"]
# diagnosis: the spread of single seeds, not of their mean: the square root of n is missing
def conclude(first, second, margin):
    d = 100 * np.array([first[seed] - second[seed] for seed in first if seed in second])
    if len(d) < 2:
        return "too few seeds", math.nan, math.nan
    half = interval.mean_and_interval(list(d))[1] * math.sqrt(len(d))
    low, high = d.mean() - half, d.mean() + half
    alike = "alike" if -margin < low and high < margin else "cannot tell"
    return "better" if low > 0 else "worse" if high < 0 else alike, low, high

# %% tags=["exercise:13.c"]
# diagnosis: a bootstrap of a handful: it can only draw what it has, and its interval is too narrow
def conclude(first, second, margin):
    d = 100 * np.array([first[seed] - second[seed] for seed in first if seed in second])
    if len(d) < 2:
        return "too few seeds", math.nan, math.nan
    means = d[np.random.default_rng(0).integers(len(d), size=(2000, len(d)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    alike = "alike" if -margin < low and high < margin else "cannot tell"
    return "better" if low > 0 else "worse" if high < 0 else alike, low, high

# %% tags=["exercise:13.c"]
# diagnosis: an interval that holds 0 is called alike: silence is taken for a proof
def conclude(first, second, margin):
    differences = [100 * (first[seed] - second[seed]) for seed in first if seed in second]
    if len(differences) < 2:
        return "too few seeds", math.nan, math.nan
    mean, half = interval.mean_and_interval(differences)
    low, high = mean - half, mean + half
    return "better" if low > 0 else "worse" if high < 0 else "alike", low, high

# %% tags=["exercise:13.c"]
# diagnosis: the interval is worked out, and the mean decides
def conclude(first, second, margin):
    differences = [100 * (first[seed] - second[seed]) for seed in first if seed in second]
    if len(differences) < 2:
        return "too few seeds", math.nan, math.nan
    mean, half = interval.mean_and_interval(differences)
    word = "alike" if abs(mean) < margin else "better" if mean > 0 else "worse"
    return word, mean - half, mean + half

# %% tags=["exercise:13.c"]
# diagnosis: one seed gives an interval of width 0, and so a winner
def conclude(first, second, margin):
    differences = [100 * (first[seed] - second[seed]) for seed in first if seed in second]
    if not differences:
        return "too few seeds", math.nan, math.nan
    mean, half = interval.mean_and_interval(differences)
    low, high = mean - (half or 0), mean + (half or 0)
    alike = "alike" if -margin < low and high < margin else "cannot tell"
    return "better" if low > 0 else "worse" if high < 0 else alike, low, high

# %% tags=["exercise:13.c"]
# diagnosis: alike is asked before better: a small and certain difference is swept under the margin
def conclude(first, second, margin):
    differences = [100 * (first[seed] - second[seed]) for seed in first if seed in second]
    if len(differences) < 2:
        return "too few seeds", math.nan, math.nan
    mean, half = interval.mean_and_interval(differences)
    low, high = mean - half, mean + half
    if -margin < low and high < margin:
        return "alike", low, high
    return "better" if low > 0 else "worse" if high < 0 else "cannot tell", low, high


# %% tags=["exercise:13.a"]
# diagnosis: sorted without kind="stable": of many equal cosines any k vote
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    cosines = queries @ rows.T
    cosines[own[:, None] == np.arange(len(rows))] = -np.inf
    nearest = np.argsort(-cosines, axis=1)[:, :k]
    found = np.take_along_axis(cosines, nearest, axis=1)
    votes = np.exp((found - found[:, :1]) / temperature)
    scores = np.zeros((len(queries), labels.max() + 1))
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.argmax(axis=1)


# %% tags=["exercise:13.a"]
# diagnosis: of classes with as many votes the last wins
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    cosines = queries @ rows.T
    cosines[own[:, None] == np.arange(len(rows))] = -np.inf
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(cosines, nearest, axis=1)
    votes = np.exp((found - found[:, :1]) / temperature)
    scores = np.zeros((len(queries), labels.max() + 1))
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.shape[1] - 1 - scores[:, ::-1].argmax(axis=1)


# %% tags=["exercise:13.b"]
# diagnosis: exp of the logits as they are: infinite for a picture far away
def probe_probabilities(train, labels, test, strength):
    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    w = linear.fit_softmax((train - mean) / spread, labels, labels.max() + 1, strength)
    logits = (test - mean) / spread @ w[:-1] + w[-1]
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True)


# %% tags=["exercise:13.b"]
# diagnosis: the largest logit of all pictures is taken away: 0 / 0 beside a picture far away
def probe_probabilities(train, labels, test, strength):
    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    w = linear.fit_softmax((train - mean) / spread, labels, labels.max() + 1, strength)
    logits = (test - mean) / spread @ w[:-1] + w[-1]
    p = np.exp(logits - logits.max())
    return p / p.sum(axis=1, keepdims=True)


# %% tags=["exercise:13.c"]
# diagnosis: an end at 0 exactly counts as above it: two equal sets of accuracies, and one is better
def conclude(first, second, margin):
    differences = [100 * (first[seed] - second[seed]) for seed in first if seed in second]
    if len(differences) < 2:
        return "too few seeds", math.nan, math.nan
    mean, half = interval.mean_and_interval(differences)
    low, high = mean - half, mean + half
    if low >= 0:
        return "better", low, high
    if high < 0:
        return "worse", low, high
    if -margin < low and high < margin:
        return "alike", low, high
    return "cannot tell", low, high


# %% tags=["exercise:13.c"]
# diagnosis: worse has to be worse by more than the margin
def conclude(first, second, margin):
    differences = [100 * (first[seed] - second[seed]) for seed in first if seed in second]
    if len(differences) < 2:
        return "too few seeds", math.nan, math.nan
    mean, half = interval.mean_and_interval(differences)
    low, high = mean - half, mean + half
    if low > 0:
        return "better", low, high
    if high < -margin:
        return "worse", low, high
    if -margin < low and high < margin:
        return "alike", low, high
    return "cannot tell", low, high


# %% tags=["exercise:13.c"]
# diagnosis: both ends of an interval of no width touch a margin of 0, and that is called alike
def conclude(first, second, margin):
    differences = [100 * (first[seed] - second[seed]) for seed in first if seed in second]
    if len(differences) < 2:
        return "too few seeds", math.nan, math.nan
    mean, half = interval.mean_and_interval(differences)
    low, high = mean - half, mean + half
    if low > 0:
        return "better", low, high
    if high < 0:
        return "worse", low, high
    if -margin <= low and high <= margin:
        return "alike", low, high
    return "cannot tell", low, high


# %% tags=["exercise:13.a"]
# diagnosis: the first query says whether all of them are rows of train
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    cosines = queries @ rows.T
    if own[0] >= 0:
        cosines[np.arange(len(own)), own] = -np.inf
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(cosines, nearest, axis=1)
    votes = np.exp((found - found[:, :1]) / temperature)
    scores = np.zeros((len(queries), labels.max() + 1))
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.argmax(axis=1)


# %% tags=["exercise:13.a"]
# diagnosis: where one query is a row of train, every query loses a vote
def knn_classes(train, labels, queries, own, k, temperature):
    mean = train.mean(axis=0)
    rows, queries = train - mean, queries - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    cosines = queries @ rows.T
    cosines[own[:, None] == np.arange(len(rows))] = -np.inf
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :min(k, len(rows) - int((own >= 0).any()))]
    found = np.take_along_axis(cosines, nearest, axis=1)
    votes = np.exp((found - found[:, :1]) / temperature)
    scores = np.zeros((len(queries), labels.max() + 1))
    np.add.at(scores, (np.arange(len(queries))[:, None], labels[nearest]), votes)
    return scores.argmax(axis=1)
