# %%
import numpy as np
from numba import njit

from tinynnclr.kernels import get_num_threads

# %% tags=["exercise:03.a"]
# diagnosis: right values, wrong method: a tuple instead of a list, and nobody told Numba
def describe(x):
    count, top = 0, x[0]
    for value in x:
        if value == value:
            count += 1
            if count == 1 or value > top:
                top = value
    return count, top, "clean" if count == len(x) else "spoiled"


# %% tags=["exercise:03.a"]
# diagnosis: forceobj=True silences the complaint by not compiling: every number stays a Python object
from numba import jit

@jit(forceobj=True)
def describe(x):
    count, top = 0, x[0]
    for value in x:
        if value == value:
            count += 1
            if count == 1 or value > top:
                top = value
    return count, top, "clean" if count == len(x) else "spoiled"


# %% tags=["exercise:03.a"]
# diagnosis: the list is still there: its first two elements are numbers, and the third is a text
@njit
def describe(x):
    count, top = 0, x[0]
    for value in x:
        if value == value:
            count += 1
            if count == 1 or value > top:
                top = value
    return [count, top, "clean" if count == len(x) else "spoiled"]


# %% tags=["exercise:03.a"]
# diagnosis: np.inf is a float64, so that top becomes one in the version for float32 as well
@njit
def describe(x):
    count, top = 0, -np.inf
    for value in x:
        if value == value:
            count, top = count + 1, max(top, value)
    return count, top if count else np.nan, "clean" if count == len(x) else "spoiled"


# %% tags=["exercise:03.a"]
# diagnosis: everything is made a float, as the list wanted it; the count is one too, and top is float64
@njit
def describe(x):
    count, top = 0.0, float(x[0])
    for value in x:
        if value == value:
            count += 1
            if count == 1 or value > top:
                top = float(value)
    return count, top, "clean" if count == len(x) else "spoiled"


# %% tags=["exercise:03.a"]
# diagnosis: top begins with x[0], and if that is NaN nothing is ever greater
@njit
def describe(x):
    count, top = 0, x[0]
    for value in x:
        if value == value:
            count += 1
            if value > top:
                top = value
    return count, top, "clean" if count == len(x) else "spoiled"


# %% tags=["exercise:03.a"]
# diagnosis: the list is filled first and made a tuple at the end: it has one type all the same
@njit
def describe(x):
    found = []
    real = x[~np.isnan(x)]
    found.append(len(real))
    found.append(real.max() if len(real) else x[0])
    found.append("clean" if len(real) == len(x) else "spoiled")
    return found[0], found[1], found[2]


# %% tags=["exercise:03.a"]
# diagnosis: top begins at 0 of x's own type: right type, and too high for numbers that are all negative
@njit
def describe(x):
    count, top = 0, np.zeros(1, x.dtype)[0]
    for value in x:
        if value == value:
            count += 1
            if value > top:
                top = value
    return count, top, "clean" if count == len(x) else "spoiled"


# %% tags=["exercise:03.b"]
# diagnosis: right numbers, wrong order: s innermost, as the formula reads, jumps through both x and g
def add_weight_gradient(x, g, dw):
    for i in range(x.shape[1]):
        for j in range(g.shape[1]):
            for s in range(x.shape[0]):
                dw[i, j] += x[s, i] * g[s, j]


# %% tags=["exercise:03.b"]
# diagnosis: right numbers, wrong order: with i innermost x is read along its rows, and dw down its columns
def add_weight_gradient(x, g, dw):
    for s in range(x.shape[0]):
        for j in range(g.shape[1]):
            for i in range(x.shape[1]):
                dw[i, j] += x[s, i] * g[s, j]


# %% tags=["exercise:03.b"]
# diagnosis: right numbers, wrong order: a local sum stores to dw once only, and the reads jump as before
def add_weight_gradient(x, g, dw):
    for i in range(x.shape[1]):
        for j in range(g.shape[1]):
            one = 0.0
            for s in range(x.shape[0]):
                one += x[s, i] * g[s, j]
            dw[i, j] += one


# %% tags=["exercise:03.b"]
# diagnosis: the outer two loops are swapped, which moves no inner loop: s still jumps
def add_weight_gradient(x, g, dw):
    for j in range(g.shape[1]):
        for i in range(x.shape[1]):
            for s in range(x.shape[0]):
                dw[i, j] += x[s, i] * g[s, j]


# %% tags=["exercise:03.b"]
# diagnosis: dw is cleared first, as if it were the result: a gradient is added to what is there
def add_weight_gradient(x, g, dw):
    for i in range(x.shape[1]):
        for j in range(g.shape[1]):
            dw[i, j] = 0
    for s in range(x.shape[0]):
        for i in range(x.shape[1]):
            for j in range(g.shape[1]):
                dw[i, j] += x[s, i] * g[s, j]


# %% tags=["exercise:03.b"]
# diagnosis: the loops of A B with their letters: x[i, s] is X G, where the transpose is asked for
def add_weight_gradient(x, g, dw):
    for i in range(x.shape[0]):
        for s in range(x.shape[1]):
            for j in range(g.shape[1]):
                dw[i, j] += x[i, s] * g[s, j]


# %% tags=["exercise:03.b"]
# diagnosis: whole rows at once, which is NumPy and not a loop: nobody sees which addresses it uses
def add_weight_gradient(x, g, dw):
    for s in range(x.shape[0]):
        for i in range(x.shape[1]):
            dw[i] += x[s, i] * g[s]


# %% tags=["exercise:03.c"]
# diagnosis: the race itself: all pieces add to the one number
@njit(nogil=True)
def add_all(start, stop, x, out):
    for i in range(start, stop):
        out[0] += x[i]

def total(x, launch):
    out = np.zeros(1)
    launch(add_all, len(x), x, out)
    return out[0]


# %% tags=["exercise:03.c"]
# diagnosis: a local sum in each piece, then one += to the shared number: a shorter race is a race
def total(x, launch):
    def add_piece(start, stop, x, out):
        out[0] += x[start:stop].sum()

    out = np.zeros(1)
    launch(add_piece, len(x), x, out)
    return out[0]


# %% tags=["exercise:03.c"]
# diagnosis: parts of 64, but it is the numbers that are shared out: a cut inside a part gives it two writers
def total(x, launch):
    def add_piece(start, stop, x, sums):
        for i in range(start, stop):
            sums[i // 64] += x[i]

    sums = np.zeros(len(x) // 64 + 1)
    launch(add_piece, len(x), x, sums)
    return sums.sum()


# %% tags=["exercise:03.c"]
# diagnosis: a part for each thread: no race, and other bytes on another machine
def total(x, launch):
    def add_parts(start, stop, x, sums):
        for part in range(start, stop):
            for i in range(part * len(x) // len(sums), (part + 1) * len(x) // len(sums)):
                sums[part] += x[i]

    sums = np.zeros(4 * get_num_threads(), np.float32)
    launch(add_parts, len(sums), x, sums)
    return sums.sum()


# %% tags=["exercise:03.c"]
# diagnosis: a sum for each piece, at the place where the piece starts: no race, and the cuts decide the bytes
def total(x, launch):
    def add_piece(start, stop, x, sums):
        for i in range(start, stop):
            sums[start] += x[i]

    sums = np.zeros(len(x), np.float32)
    launch(add_piece, len(x), x, sums)
    return sums.sum()


# %% tags=["exercise:03.c"]
# diagnosis: whole parts only: the numbers after the last whole part are never added
def total(x, launch):
    def add_parts(start, stop, x, sums):
        for part in range(start, stop):
            sums[part] = x[part * 64:(part + 1) * 64].sum()

    sums = np.zeros(max(1, len(x) // 64))
    launch(add_parts, len(sums), x, sums)
    return sums.sum()


# %% tags=["exercise:03.c"]
# diagnosis: right value, wrong method: the kernels copy, and one thread adds up
def total(x, launch):
    def copy(start, stop, x, sums):
        sums[start:stop] = x[start:stop]

    sums = np.zeros(len(x))
    launch(copy, len(x), x, sums)
    return sums.sum()


# %% tags=["exercise:03.c"]
# diagnosis: right value, wrong method: a single part has no race, and leaves all threads but one without work
def total(x, launch):
    def add_everything(start, stop, x, out):
        out[0] = x.sum()

    out = np.zeros(1)
    launch(add_everything, 1, x, out)
    return out[0]


# %% tags=["exercise:03.c"]
# diagnosis: right value, wrong method: launch is never called
def total(x, launch):
    return x.sum()


# %% tags=["exercise:03.a"]
# diagnosis: one value needs no look, in the belief that it is a number
@njit
def describe(x):
    if len(x) == 1:
        return 1, x[0], "clean"
    count, top = 0, x[0]                             # x[0] has x's own type; -np.inf would be a float64
    for value in x:
        if value == value:
            count += 1
            if count == 1 or value > top:            # the first number takes the place of a NaN, too
                top = value
    return count, top, "clean" if count == len(x) else "spoiled"
