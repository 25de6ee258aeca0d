# %%
import numpy as np
from numba import njit

# %% tags=["exercise:18.a"]
def speed_up(total, seconds, factors):
    rest = total - seconds.sum()                         # what nobody touches: the whole point of the law
    after = rest + (seconds / factors).sum()             # x / inf is 0
    return total / after if after > 0 else np.inf


# %% tags=["exercise:18.b"]
@njit
def affine_relu(x, scale, shift):
    y = np.empty_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            value = x[i, j] * scale[j] + shift[j]
            y[i, j] = 0 if value < 0 else value          # NaN < 0 is false: it passes
    return y


# %% tags=["exercise:18.c"]
def self_time(calls):
    seconds, waiting = {}, []                            # waiting: ended, and not yet found inside another
    for name, start, stop in calls:
        own = stop - start
        while waiting and waiting[-1][0] >= start:       # began after me and ended before me: directly inside
            first, last = waiting.pop()                  # once it is taken out, it is nobody else's
            own -= last - first
        waiting.append((start, stop))
        seconds[name] = seconds.get(name, 0) + own
    return seconds
