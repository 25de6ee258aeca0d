# %% [markdown]
# # 19 · Solutions

# %%
import numpy as np

from tinynnclr import kernels
from tinynnclr.metrics.confidence import mean_and_interval

# %% tags=["exercise:19.a"]
def mutual_neighbor(z, queue, rng):
    found = kernels.nearest(z, queue)[0][:, 0]
    rows = queue[found]
    asker, near = kernels.nearest(rows, z)
    other = rows @ queue.T
    other[np.arange(len(z)), found] = -np.inf  # a row is not its own friend
    mutual = (asker[:, 0] == np.arange(len(z))) & (other.max(axis=1) <= near[:, 0])
    return np.where(mutual[:, None], rows, z)

# %% tags=["exercise:19.b"]
def paired(mine, base):
    seeds = [row["seed"] for row in mine]
    if sorted(seeds) != sorted(row["seed"] for row in base) or len(set(seeds)) != len(seeds):
        raise ValueError("not the same seeds, each once")
    if len({row["steps"] for row in mine + base}) != 1:
        raise ValueError("not the same steps")
    partner = {row["seed"]: row["knn"] for row in base}
    mean, half = mean_and_interval([100 * (row["knn"] - partner[row["seed"]]) for row in mine])
    if half is None:
        half = np.inf
    return mean, mean - half, mean + half

# %% tags=["exercise:19.c"]
def permutation_p(choose, z, queue, judge, shuffles):
    real = judge(choose(z, queue, np.random.default_rng(0)))
    shuffled = []
    for s in range(1, shuffles + 1):
        rng = np.random.default_rng(s)
        order = rng.permutation(len(queue))
        shuffled.append(judge(choose(z, queue[order], rng)))
    return (1 + sum(value >= real for value in shuffled)) / (1 + shuffles)
