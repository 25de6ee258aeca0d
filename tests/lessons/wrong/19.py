# %% [markdown]
# # 19 · Plausible ways to get it wrong

# %%
import numpy as np

from tinynnclr import kernels
from tinynnclr.metrics.confidence import mean_and_interval
from tinynnclr.tensor import Tensor

# %% tags=["exercise:19.a"]
# diagnosis: the nearest row for everybody: nobody asks the row
def mutual_neighbor(z, queue, rng):
    return queue[kernels.nearest(z, queue)[0][:, 0]]

# %% tags=["exercise:19.a"]
# diagnosis: the row may be its own friend: its cosine with itself is 1, so no friendship is ever mutual
def mutual_neighbor(z, queue, rng):
    rows = queue[kernels.nearest(z, queue)[0][:, 0]]
    asker, near = kernels.nearest(rows, z)
    _, other = kernels.nearest(rows, queue)
    mutual = (asker[:, 0] == np.arange(len(z))) & (other[:, 0] <= near[:, 0])
    return np.where(mutual[:, None], rows, z)

# %% tags=["exercise:19.a"]
# diagnosis: only askers compete for a row; the rows of the queue, which are nearer to it, are not asked
def mutual_neighbor(z, queue, rng):
    rows = queue[kernels.nearest(z, queue)[0][:, 0]]
    mutual = kernels.nearest(rows, z)[0][:, 0] == np.arange(len(z))
    return np.where(mutual[:, None], rows, z)

# %% tags=["exercise:19.a"]
# diagnosis: only rows compete; a row that two askers want goes to both
def mutual_neighbor(z, queue, rng):
    found, near = kernels.nearest(z, queue)
    rows, other = queue[found[:, 0]], np.full_like(near, -np.inf)
    if len(queue) > 1:
        _, other = kernels.nearest(rows, queue, exclude=found[:, 0])
    return np.where(other <= near, rows, z)

# %% tags=["exercise:19.a"]
# diagnosis: a row that two askers want goes to the one who comes first in the batch, not to the nearer
def mutual_neighbor(z, queue, rng):
    found = kernels.nearest(z, queue)[0][:, 0]
    rows = queue[found]
    first = np.isin(np.arange(len(z)), np.unique(found, return_index=True)[1])
    cosines = rows @ queue.T
    cosines[np.arange(len(z)), found] = -np.inf
    mutual = first & (cosines.max(axis=1) <= (rows * z).sum(axis=1))
    return np.where(mutual[:, None], rows, z)

# %% tags=["exercise:19.a"]
# diagnosis: who has no mutual friend gets a row of zeros, which has no direction
def mutual_neighbor(z, queue, rng):
    found = kernels.nearest(z, queue)[0][:, 0]
    rows = queue[found]
    asker, near = kernels.nearest(rows, z)
    _, other = kernels.nearest(rows, queue, exclude=found)
    mutual = (asker[:, 0] == np.arange(len(z))) & ~(other[:, 0] > near[:, 0])
    return rows * mutual[:, None]

# %% tags=["exercise:19.a"]
# diagnosis: right values, but written into z: the caller's array is changed
def mutual_neighbor(z, queue, rng):
    found = kernels.nearest(z, queue)[0][:, 0]
    rows = queue[found]
    asker, near = kernels.nearest(rows, z)
    _, other = kernels.nearest(rows, queue, exclude=found)
    mutual = (asker[:, 0] == np.arange(len(z))) & ~(other[:, 0] > near[:, 0])
    z[mutual] = rows[mutual]
    return z

# %% tags=["exercise:19.a"]
# diagnosis: right values in a Tensor: positives are constants, and a Tensor may let gradients in
def mutual_neighbor(z, queue, rng):
    found = kernels.nearest(z, queue)[0][:, 0]
    rows = queue[found]
    asker, near = kernels.nearest(rows, z)
    _, other = kernels.nearest(rows, queue, exclude=found)
    mutual = (asker[:, 0] == np.arange(len(z))) & ~(other[:, 0] > near[:, 0])
    return Tensor(np.where(mutual[:, None], rows, z), requires_grad=True)

# %% tags=["exercise:19.a"]
# diagnosis: right values in float64, for a mask of floats made them so: everything after it is computed twice as wide
def mutual_neighbor(z, queue, rng):
    found = kernels.nearest(z, queue)[0][:, 0]
    rows = queue[found]
    asker, near = kernels.nearest(rows, z)
    _, other = kernels.nearest(rows, queue, exclude=found)
    mutual = ((asker[:, 0] == np.arange(len(z))) & ~(other[:, 0] > near[:, 0])).astype(float)[:, None]
    return mutual * rows + (1 - mutual) * z

# %% tags=["exercise:19.b"]
# diagnosis: each arm has its own interval and their widths are added in squares: the luck they share stays in
def paired(mine, base):
    seeds, others = ([row["seed"] for row in rows] for rows in (mine, base))
    if sorted(seeds) != sorted(others) or len(set(seeds)) != len(seeds):
        raise ValueError("not the same seeds")
    if len({row["steps"] for row in mine + base}) != 1:
        raise ValueError("not the same steps")
    (a, da), (b, db) = (mean_and_interval([100 * row["knn"] for row in rows]) for rows in (mine, base))
    half = np.inf if da is None else np.hypot(da, db)
    return a - b, a - b - half, a - b + half

# %% tags=["exercise:19.b"]
# diagnosis: partners are found by their place in the list, not by their seed
def paired(mine, base):
    seeds = [row["seed"] for row in mine]
    if sorted(seeds) != sorted(row["seed"] for row in base) or len(set(seeds)) != len(seeds):
        raise ValueError("not the same seeds")
    if len({row["steps"] for row in mine + base}) != 1:
        raise ValueError("not the same steps")
    mean, half = mean_and_interval([100 * (a["knn"] - b["knn"]) for a, b in zip(mine, base, strict=True)])
    half = np.inf if half is None else half
    return mean, mean - half, mean + half

# %% tags=["exercise:19.b"]
# diagnosis: 1.96 whatever the number of seeds: far too narrow for two or three
def paired(mine, base):
    seeds = [row["seed"] for row in mine]
    if sorted(seeds) != sorted(row["seed"] for row in base) or len(set(seeds)) != len(seeds):
        raise ValueError("not the same seeds")
    if len({row["steps"] for row in mine + base}) != 1:
        raise ValueError("not the same steps")
    before = {row["seed"]: row["knn"] for row in base}
    d = np.array([100 * (row["knn"] - before[row["seed"]]) for row in mine])
    half = 1.96 * d.std(ddof=1) / np.sqrt(len(d)) if len(d) > 1 else np.inf
    return d.mean(), d.mean() - half, d.mean() + half

# %% tags=["exercise:19.b"]
# diagnosis: one seed gives an interval without width, as if it were certain
def paired(mine, base):
    seeds = [row["seed"] for row in mine]
    if sorted(seeds) != sorted(row["seed"] for row in base) or len(set(seeds)) != len(seeds):
        raise ValueError("not the same seeds")
    if len({row["steps"] for row in mine + base}) != 1:
        raise ValueError("not the same steps")
    before = {row["seed"]: row["knn"] for row in base}
    mean, half = mean_and_interval([100 * (row["knn"] - before[row["seed"]]) for row in mine])
    return mean, mean - (half or 0), mean + (half or 0)

# %% tags=["exercise:19.b"]
# diagnosis: base minus mine
def paired(mine, base):
    seeds = [row["seed"] for row in mine]
    if sorted(seeds) != sorted(row["seed"] for row in base) or len(set(seeds)) != len(seeds):
        raise ValueError("not the same seeds")
    if len({row["steps"] for row in mine + base}) != 1:
        raise ValueError("not the same steps")
    before = {row["seed"]: row["knn"] for row in base}
    mean, half = mean_and_interval([100 * (before[row["seed"]] - row["knn"]) for row in mine])
    half = np.inf if half is None else half
    return mean, mean - half, mean + half

# %% tags=["exercise:19.b"]
# diagnosis: goes on with the seeds that both happen to have: whoever drops a bad seed is not found out
def paired(mine, base):
    if len({row["steps"] for row in mine + base}) != 1:
        raise ValueError("not the same steps")
    before = {row["seed"]: row["knn"] for row in base}
    mean, half = mean_and_interval([100 * (row["knn"] - before[row["seed"]]) for row in mine if row["seed"] in before])
    half = np.inf if half is None else half
    return mean, mean - half, mean + half

# %% tags=["exercise:19.b"]
# diagnosis: right numbers for whatever it is given: nobody asks whether the steps were equal
def paired(mine, base):
    seeds = [row["seed"] for row in mine]
    if sorted(seeds) != sorted(row["seed"] for row in base) or len(set(seeds)) != len(seeds):
        raise ValueError("not the same seeds")
    before = {row["seed"]: row["knn"] for row in base}
    mean, half = mean_and_interval([100 * (row["knn"] - before[row["seed"]]) for row in mine])
    half = np.inf if half is None else half
    return mean, mean - half, mean + half

# %% tags=["exercise:19.b"]
# diagnosis: the steps of the first rows only are compared
def paired(mine, base):
    seeds = [row["seed"] for row in mine]
    if sorted(seeds) != sorted(row["seed"] for row in base) or len(set(seeds)) != len(seeds):
        raise ValueError("not the same seeds")
    if mine[0]["steps"] != base[0]["steps"]:
        raise ValueError("not the same steps")
    before = {row["seed"]: row["knn"] for row in base}
    mean, half = mean_and_interval([100 * (row["knn"] - before[row["seed"]]) for row in mine])
    half = np.inf if half is None else half
    return mean, mean - half, mean + half

# %% tags=["exercise:19.c"]
# diagnosis: only what is better than the real queue counts: a rule that ignores the order looks like a cheat
def permutation_p(choose, z, queue, judge, shuffles):
    real, better = judge(choose(z, queue, np.random.default_rng(0))), 0
    for s in range(1, shuffles + 1):
        rng = np.random.default_rng(s)
        order = rng.permutation(len(queue))
        better += judge(choose(z, queue[order], rng)) > real
    return (1 + better) / (1 + shuffles)

# %% tags=["exercise:19.c"]
# diagnosis: the real queue is not counted among the orders, so p can be 0, which no finite number of shuffles can show
def permutation_p(choose, z, queue, judge, shuffles):
    real, as_good = judge(choose(z, queue, np.random.default_rng(0))), 0
    for s in range(1, shuffles + 1):
        rng = np.random.default_rng(s)
        order = rng.permutation(len(queue))
        as_good += judge(choose(z, queue[order], rng)) >= real
    return as_good / shuffles

# %% tags=["exercise:19.c"]
# diagnosis: the positives are shuffled, and not the queue: nobody is then judged by what was chosen for him
def permutation_p(choose, z, queue, judge, shuffles):
    positives, as_good = choose(z, queue, np.random.default_rng(0)), 0
    real = judge(positives)
    for s in range(1, shuffles + 1):
        as_good += judge(positives[np.random.default_rng(s).permutation(len(positives))]) >= real
    return (1 + as_good) / (1 + shuffles)

# %% tags=["exercise:19.c"]
# diagnosis: the queue is shuffled in place, and the real order is asked for last, when it is gone
def permutation_p(choose, z, queue, judge, shuffles):
    values = []
    for s in range(1, shuffles + 1):
        rng = np.random.default_rng(s)
        queue[:] = queue[rng.permutation(len(queue))]
        values.append(judge(choose(z, queue, rng)))
    real = judge(choose(z, queue, np.random.default_rng(0)))
    return (1 + sum(value >= real for value in values)) / (1 + shuffles)

# %% tags=["exercise:19.c"]
# diagnosis: one generator of the same seed for every shuffle: 99 times the same shuffle
def permutation_p(choose, z, queue, judge, shuffles):
    real, as_good = judge(choose(z, queue, np.random.default_rng(0))), 0
    for _ in range(shuffles):
        rng = np.random.default_rng(0)
        order = rng.permutation(len(queue))
        as_good += judge(choose(z, queue[order], rng)) >= real
    return (1 + as_good) / (1 + shuffles)

# %% tags=["exercise:19.c"]
# diagnosis: every column is shuffled for itself, so the rows are torn into pieces
def permutation_p(choose, z, queue, judge, shuffles):
    real, as_good = judge(choose(z, queue, np.random.default_rng(0))), 0
    for s in range(1, shuffles + 1):
        rng = np.random.default_rng(s)
        as_good += judge(choose(z, rng.permuted(queue, axis=0), rng)) >= real
    return (1 + as_good) / (1 + shuffles)

# %% tags=["exercise:19.c"]
# diagnosis: counts the shuffles that are worse, so an honest rule gets the smallest p and a cheat the largest
def permutation_p(choose, z, queue, judge, shuffles):
    real, worse = judge(choose(z, queue, np.random.default_rng(0))), 0
    for s in range(1, shuffles + 1):
        rng = np.random.default_rng(s)
        order = rng.permutation(len(queue))
        worse += judge(choose(z, queue[order], rng)) <= real
    return (1 + worse) / (1 + shuffles)


# %% tags=["exercise:19.a"]
# diagnosis: a twin that is as near as the asker counts as nearer
def mutual_neighbor(z, queue, rng):
    found = kernels.nearest(z, queue)[0][:, 0]
    rows = queue[found]
    asker, near = kernels.nearest(rows, z)
    other = rows @ queue.T
    other[np.arange(len(z)), found] = -np.inf  # a row is not its own friend
    mutual = (asker[:, 0] == np.arange(len(z))) & (other.max(axis=1) < near[:, 0])
    return np.where(mutual[:, None], rows, z)


# %% tags=["exercise:19.b"]
# diagnosis: a seed that came twice is counted once, whichever row was the last
def paired(mine, base):
    seeds = [row["seed"] for row in mine]
    if set(seeds) != {row["seed"] for row in base}:
        raise ValueError("not the same seeds, each once")
    if len({row["steps"] for row in mine + base}) != 1:
        raise ValueError("not the same steps")
    partner = {row["seed"]: row["knn"] for row in base}
    mean, half = mean_and_interval([100 * (row["knn"] - partner[row["seed"]]) for row in mine])
    if half is None:
        half = np.inf
    return mean, mean - half, mean + half


# %% tags=["exercise:19.b"]
# diagnosis: the seeds are compared as sorted lists alone: a seed that came twice on both sides is let in
def paired(mine, base):
    seeds = [row["seed"] for row in mine]
    if sorted(seeds) != sorted(row["seed"] for row in base):
        raise ValueError("not the same seeds, each once")
    if len({row["steps"] for row in mine + base}) != 1:
        raise ValueError("not the same steps")
    partner = {row["seed"]: row["knn"] for row in base}
    mean, half = mean_and_interval([100 * (row["knn"] - partner[row["seed"]]) for row in mine])
    if half is None:
        half = np.inf
    return mean, mean - half, mean + half


# %% tags=["exercise:19.b"]
# diagnosis: only the steps of base are looked at
def paired(mine, base):
    seeds = [row["seed"] for row in mine]
    if sorted(seeds) != sorted(row["seed"] for row in base) or len(set(seeds)) != len(seeds):
        raise ValueError("not the same seeds, each once")
    if len({row["steps"] for row in base}) != 1:
        raise ValueError("not the same steps")
    partner = {row["seed"]: row["knn"] for row in base}
    mean, half = mean_and_interval([100 * (row["knn"] - partner[row["seed"]]) for row in mine])
    if half is None:
        half = np.inf
    return mean, mean - half, mean + half


# %% tags=["exercise:19.c"]
# diagnosis: the queue itself is left in the order of the last shuffle
def permutation_p(choose, z, queue, judge, shuffles):
    real = judge(choose(z, queue, np.random.default_rng(0)))
    shuffled = []
    for s in range(1, shuffles + 1):
        rng = np.random.default_rng(s)
        order = rng.permutation(len(queue))
        shuffled.append(judge(choose(z, queue[order], rng)))
    queue[:] = queue[order]
    return (1 + sum(value >= real for value in shuffled)) / (1 + shuffles)


# %% tags=["exercise:19.a"]
# diagnosis: askers are sorted without kind="stable": of many as near, any counts as the first
def mutual_neighbor(z, queue, rng):
    found = kernels.nearest(z, queue)[0][:, 0]
    rows = queue[found]
    asker = np.argsort(-(rows @ z.T), axis=1)[:, :1]
    near = np.take_along_axis(rows @ z.T, asker, axis=1)
    other = rows @ queue.T
    other[np.arange(len(z)), found] = -np.inf  # a row is not its own friend
    mutual = (asker[:, 0] == np.arange(len(z))) & (other.max(axis=1) <= near[:, 0])
    return np.where(mutual[:, None], rows, z)
