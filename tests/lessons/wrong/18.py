# %%
import numpy as np
from numba import njit

# %% tags=["exercise:18.a"]
# diagnosis: only the parts that change are looked at; the rest of the step, which sets the ceiling, is forgotten
def speed_up(total, seconds, factors):
    after = (seconds / factors).sum()
    return seconds.sum() / after if after > 0 else np.inf


# %% tags=["exercise:18.a"]
# diagnosis: speed-ups are averaged, weighed by the shares of time; times average that way, their inverses do not
def speed_up(total, seconds, factors):
    shares = seconds / total
    return (shares * factors).sum() + (1 - shares.sum())


# %% tags=["exercise:18.a"]
# diagnosis: each part alone by the law, then multiplied: the second part's share has grown once the first is faster
def speed_up(total, seconds, factors):
    product = 1.0
    for part, factor in zip(seconds, factors, strict=True):
        after = total - part + part / factor
        product *= total / after if after > 0 else np.inf
    return product


# %% tags=["exercise:18.a"]
# diagnosis: the gains over 1 of the single parts are added up, as if each stood alone in the step
def speed_up(total, seconds, factors):
    gains = 0.0
    for part, factor in zip(seconds, factors, strict=True):
        after = total - part + part / factor
        gains += total / after - 1 if after > 0 else np.inf
    return 1 + gains


# %% tags=["exercise:18.a"]
# diagnosis: the share that each part takes afterwards is put into the law, which wants the share before
def speed_up(total, seconds, factors):
    after = total - seconds.sum() + (seconds / factors).sum()
    shares = (seconds / factors) / after if after > 0 else seconds / total
    left = 1 - shares.sum() + (shares / factors).sum()
    return 1 / left if left > 0 else np.inf


# %% tags=["exercise:18.a"]
# diagnosis: what is saved is written as (f - 1) / f, and for a part that takes no time that is inf / inf, a NaN
def speed_up(total, seconds, factors):
    with np.errstate(invalid="ignore"):
        saved = (seconds * (factors - 1) / factors).sum()
    return total / (total - saved) if saved != total else np.inf


# %% tags=["exercise:18.a"]
# diagnosis: upside down: the share of the time that is left, and not how many times as fast
def speed_up(total, seconds, factors):
    return (total - seconds.sum() + (seconds / factors).sum()) / total


# %% tags=["exercise:18.b"]
# diagnosis: right values, wrong method: NumPy's operators one by one, with a whole array between two of them
def affine_relu(x, scale, shift):
    return np.maximum(x * scale + shift, 0)


# %% tags=["exercise:18.b"]
# diagnosis: no array between, but the result is written over x, and the backward pass finds the wrong numbers there
def affine_relu(x, scale, shift):
    x *= scale
    x += shift
    return np.maximum(x, 0, out=x)


# %% tags=["exercise:18.b"]
# diagnosis: one loop, but `value > 0` is false for NaN, which becomes 0: a broken run looks healthy
@njit
def affine_relu(x, scale, shift):
    y = np.empty_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            value = x[i, j] * scale[j] + shift[j]
            y[i, j] = value if value > 0 else 0
    return y


# %% tags=["exercise:18.b"]
# diagnosis: one loop, but the new array is made without a type, so it is float64 and takes twice the bytes
@njit
def affine_relu(x, scale, shift):
    y = np.empty(x.shape)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            value = x[i, j] * scale[j] + shift[j]
            y[i, j] = 0 if value < 0 else value
    return y


# %% tags=["exercise:18.b"]
# diagnosis: ReLU before the shift: the order of the two matters
def affine_relu(x, scale, shift):
    y = x * scale
    np.maximum(y, 0, out=y)
    y += shift
    return y


# %% tags=["exercise:18.b"]
# diagnosis: whole blocks of rows only: the rows after the last whole block are never written
def affine_relu(x, scale, shift):
    y = np.zeros_like(x)
    size = min(64, len(x))
    for block in range(len(x) // size):
        rows = slice(block * size, (block + 1) * size)
        np.multiply(x[rows], scale, out=y[rows])
        y[rows] += shift
        np.maximum(y[rows], 0, out=y[rows])
    return y


# %% tags=["exercise:18.c"]
# diagnosis: whole durations: a second inside two calls is counted for both
def self_time(calls):
    seconds = {}
    for name, start, stop in calls:
        seconds[name] = seconds.get(name, 0) + stop - start
    return seconds


# %% tags=["exercise:18.c"]
# diagnosis: everything inside is taken out, also what is inside of that: a grandchild's time is taken out twice
def self_time(calls):
    seconds = {}
    for i, (name, start, stop) in enumerate(calls):
        inside = sum(last - first for _, first, last in calls[:i] if start <= first and last <= stop)
        seconds[name] = seconds.get(name, 0) + stop - start - inside
    return seconds


# %% tags=["exercise:18.c"]
# diagnosis: only the call that ended last is taken out: a call may have several directly inside
def self_time(calls):
    seconds, before = {}, None
    for name, start, stop in calls:
        own = stop - start
        if before and before[0] >= start:
            own -= before[1] - before[0]
        before = start, stop
        seconds[name] = seconds.get(name, 0) + own
    return seconds


# %% tags=["exercise:18.c"]
# diagnosis: each name has one entry that the next call of the same name overwrites
def self_time(calls):
    seconds, waiting = {}, []
    for name, start, stop in calls:
        own = stop - start
        while waiting and waiting[-1][0] >= start:
            first, last = waiting.pop()
            own -= last - first
        waiting.append((start, stop))
        seconds[name] = own
    return seconds


# %% tags=["exercise:18.c"]
# diagnosis: thinks in names, not in calls: it skips what has the same name inside, and counts those seconds twice
def self_time(calls):
    seconds, waiting = {}, []
    for name, start, stop in calls:
        own = stop - start
        while waiting and waiting[-1][1] >= start:
            other, first, last = waiting.pop()
            own -= (last - first) * (other != name)
        waiting.append((name, start, stop))
        seconds[name] = seconds.get(name, 0) + own
    return seconds


# %% tags=["exercise:18.c"]
# diagnosis: expects callers before what they call, but a call is noted when it ends: nothing is ever inside
def self_time(calls):
    seconds, around = {}, []
    for name, start, stop in calls:
        while around and around[-1][2] <= start:
            around.pop()
        if around and start >= around[-1][1]:
            seconds[around[-1][0]] -= stop - start
        around.append((name, start, stop))
        seconds[name] = seconds.get(name, 0) + stop - start
    return seconds


# %% tags=["exercise:18.b"]
# diagnosis: whatever is below 1 becomes 0: right for whole numbers alone
@njit
def affine_relu(x, scale, shift):
    y = np.empty_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            value = x[i, j] * scale[j] + shift[j]
            y[i, j] = 0 if value < 1 else value          # NaN < 0 is false: it passes
    return y
