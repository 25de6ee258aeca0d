# %%
import numpy as np

# %% tags=["exercise:04.a"]
# diagnosis: no remainder: whole tiles only, so the last columns of C stay zero unless the size divides n
def tiles(n, size):
    return [(t * size, (t + 1) * size) for t in range(n // size)]

# %% tags=["exercise:04.a"]
# diagnosis: the last tile reaches beyond the end: slices forgive that, compiled loops write into someone else's memory
def tiles(n, size):
    return [(start, start + size) for start in range(0, n, size)]

# %% tags=["exercise:04.a"]
# diagnosis: the last tile is moved back to be whole: some places are then in two tiles, and get their sums twice
def tiles(n, size):
    return [(max(0, min(start, n - size)), min(start + size, n)) for start in range(0, n, size)]

# %% tags=["exercise:04.a"]
# diagnosis: one tile too many where the size divides n: an empty one at the end
def tiles(n, size):
    return [(t * size, min((t + 1) * size, n)) for t in range(n // size + 1)]

# %% tags=["exercise:04.a"]
# diagnosis: right cover, wrong method: cut as evenly as possible, so that no tile has the size that fits the cache
def tiles(n, size):
    edges = np.linspace(0, n, -(-n // size) + 1).astype(int)
    return list(zip(edges[:-1], edges[1:], strict=True))

# %% tags=["exercise:04.a"]
# diagnosis: right cover, wrong method: tiles of one place each never leave a rest, and never use anything twice
def tiles(n, size):
    return [(place, place + 1) for place in range(n)]

# %% tags=["exercise:04.b"]
# diagnosis: right values, wrong method: the three loops of the definition, with a visit to C at every k
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    for k in range(k0, k1):
        for i in range(i0, i1):
            for j in range(j0, j1):
                c[i, j] += a[i, k] * b[k, j]

# %% tags=["exercise:04.b"]
# diagnosis: right values, wrong method: the row of B is kept, and C is still fetched and stored at every k
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    row = np.zeros(j1 - j0, a.dtype)
    for k in range(k0, k1):
        for j in range(j0, j1):
            row[j - j0] = b[k, j]
        for i in range(i0, i1):
            one = a[i, k]
            for j in range(j0, j1):
                c[i, j] += one * row[j - j0]

# %% tags=["exercise:04.b"]
# diagnosis: A @ B: it hands the question to BLAS, and shows nothing of what is fetched
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    sums = np.asarray(a[i0:i1, k0:k1]) @ np.asarray(b[k0:k1, j0:j1])
    for i in range(i0, i1):
        for j in range(j0, j1):
            c[i, j] += sums[i - i0, j - j0]

# %% tags=["exercise:04.b"]
# diagnosis: right values, wrong method: one sum at a time is a tile of 1 x 1, so nothing that is fetched is used twice
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    for i in range(i0, i1):
        for j in range(j0, j1):
            total = 0.0
            for k in range(k0, k1):
                total += a[i, k] * b[k, j]
            c[i, j] += total

# %% tags=["exercise:04.b"]
# diagnosis: right values, wrong method: local sums, but the row of B is fetched again for every row of the tile
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    sums = np.zeros((i1 - i0, j1 - j0), a.dtype)
    for k in range(k0, k1):
        for i in range(i0, i1):
            one = a[i, k]
            for j in range(j0, j1):
                sums[i - i0, j - j0] += one * b[k, j]
    for i in range(i0, i1):
        for j in range(j0, j1):
            c[i, j] += sums[i - i0, j - j0]

# %% tags=["exercise:04.b"]
# diagnosis: the sums overwrite C: right for the first stretch of k, and the stretches before it are lost later
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    sums, row = np.zeros((i1 - i0, j1 - j0), a.dtype), np.zeros(j1 - j0, a.dtype)
    for k in range(k0, k1):
        for j in range(j0, j1):
            row[j - j0] = b[k, j]
        for i in range(i0, i1):
            one = a[i, k]
            for j in range(j1 - j0):
                sums[i - i0, j] += one * row[j]
    for i in range(i0, i1):
        for j in range(j0, j1):
            c[i, j] = sums[i - i0, j - j0]

# %% tags=["exercise:04.b"]
# diagnosis: no remainder: the tile is taken to be 8 x 32 whatever the bounds say, and runs over the edge
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    sums, row = np.zeros((8, 32), a.dtype), np.zeros(32, a.dtype)
    for k in range(k0, k1):
        for j in range(32):
            row[j] = b[k, j0 + j]
        for i in range(8):
            one = a[i0 + i, k]
            for j in range(32):
                sums[i, j] += one * row[j]
    for i in range(8):
        for j in range(32):
            c[i0 + i, j0 + j] += sums[i, j]

# %% tags=["exercise:04.b"]
# diagnosis: the sums are counted from the corner of the matrix: right for the first tile, beyond the end in the next
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    sums, row = np.zeros((i1 - i0, j1 - j0), a.dtype), np.zeros(j1 - j0, a.dtype)
    for k in range(k0, k1):
        for j in range(j0, j1):
            row[j - j0] = b[k, j]
        for i in range(i0, i1):
            one = a[i, k]
            for j in range(j0, j1):
                sums[i, j] += one * row[j - j0]
    for i in range(i0, i1):
        for j in range(j0, j1):
            c[i, j] += sums[i, j]

# %% tags=["exercise:04.b"]
# diagnosis: the sum starts at k = 0 in every stretch, so what came before k0 is added again
def tile_product(a, b, c, i0, i1, j0, j1, k0, k1):
    sums, row = np.zeros((i1 - i0, j1 - j0), a.dtype), np.zeros(j1 - j0, a.dtype)
    for k in range(k1):
        for j in range(j0, j1):
            row[j - j0] = b[k, j]
        for i in range(i0, i1):
            one = a[i, k]
            for j in range(j1 - j0):
                sums[i - i0, j] += one * row[j]
    for i in range(i0, i1):
        for j in range(j0, j1):
            c[i, j] += sums[i - i0, j - j0]

# %% tags=["exercise:04.c"]
# diagnosis: the cache is counted in numbers instead of bytes: four times too deep in float32
def tile_depth(cache, rows, width, itemsize):
    return max(8, (cache - rows * width) // (rows + width) // 8 * 8)

# %% tags=["exercise:04.c"]
# diagnosis: only the piece of B is counted: A's strip and the sums then push it out of the cache
def tile_depth(cache, rows, width, itemsize):
    return max(8, cache // itemsize // width // 8 * 8)

# %% tags=["exercise:04.c"]
# diagnosis: the sums are forgotten: they are the part that is touched most often
def tile_depth(cache, rows, width, itemsize):
    return max(8, cache // itemsize // (rows + width) // 8 * 8)

# %% tags=["exercise:04.c"]
# diagnosis: rounded to the nearest multiple of 8, which may lie above what fits
def tile_depth(cache, rows, width, itemsize):
    depth = (cache // itemsize - rows * width) / (rows + width)
    return max(8, 8 * round(depth / 8))

# %% tags=["exercise:04.c"]
# diagnosis: no floor: a small cache or a large tile gives a depth of 0 or less, and a loop that never ends or starts
def tile_depth(cache, rows, width, itemsize):
    return (cache // itemsize - rows * width) // (rows + width) // 8 * 8

# %% tags=["exercise:04.c"]
# diagnosis: a cube: three equal pieces, which is the answer to another question, the shape being given
def tile_depth(cache, rows, width, itemsize):
    return max(8, int((cache / itemsize / 3) ** 0.5) // 8 * 8)
