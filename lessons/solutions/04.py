# %%
import numpy as np

# %% tags=["exercise:04.a"]
def tiles(n, size):
    return [(start, min(start + size, n)) for start in range(0, n, size)]

# %% tags=["exercise:04.b"]
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    sums = np.zeros((i1 - i0, j1 - j0), a.dtype)
    row = np.zeros(j1 - j0, a.dtype)
    for k in range(k0, k1):
        fetched = b[k, j0:j1]
        for j in range(len(row)):
            row[j] = fetched[j]              # each number of B once for all rows of the tile
        for i in range(i1 - i0):
            one, mine = a[i0 + i, k], sums[i]
            for j in range(len(row)):
                mine[j] += one * row[j]
    for i in range(i1 - i0):
        out, mine = c[i0 + i, j0:j1], sums[i]
        for j in range(len(mine)):
            out[j] += mine[j]                # the only visit to C

# %% tags=["exercise:04.c"]
def tile_depth(cache, rows, width, itemsize):
    numbers = cache // itemsize
    depth = (numbers - rows * width) // (width + rows)
    return max(8, depth // 8 * 8)
