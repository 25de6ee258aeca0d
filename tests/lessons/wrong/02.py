# %%
import numpy as np

# %% tags=["exercise:02.a"]
# diagnosis: k products need only k - 1 additions; true, but the loop begins at 0 and the convention counts k
def cost(operation, *sizes):
    if operation == "matmul":
        m, k, n = sizes
        return m * n * (2 * k - 1), 4 * (m * k + k * n + m * n)
    if operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
        return n * ho * wo * f * (2 * kh * kw * c - 1), 4 * (n * h * w * c + kh * kw * c * f + n * ho * wo * f)
    b, q, d = sizes
    return b * q * (2 * d - 1), 4 * (b * d + q * d) + 8 * b


# %% tags=["exercise:02.a"]
# diagnosis: counts a multiplication and its addition as one (a "MAC"): half the flops
def cost(operation, *sizes):
    if operation == "matmul":
        m, k, n = sizes
        return m * k * n, 4 * (m * k + k * n + m * n)
    if operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
        return n * ho * wo * f * kh * kw * c, 4 * (n * h * w * c + kh * kw * c * f + n * ho * wo * f)
    b, q, d = sizes
    return b * q * d, 4 * (b * d + q * d) + 8 * b


# %% tags=["exercise:02.a"]
# diagnosis: bytes are counted at every use, as if nothing stayed near the processor: that is one method's traffic
def cost(operation, *sizes):
    if operation == "matmul":
        m, k, n = sizes
        return 2 * m * k * n, 4 * (2 * m * k * n + m * n)
    if operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
        products = n * ho * wo * f * kh * kw * c
        return 2 * products, 4 * (2 * products + n * ho * wo * f)
    b, q, d = sizes
    return 2 * b * q * d, 4 * 2 * b * q * d + 8 * b


# %% tags=["exercise:02.a"]
# diagnosis: the window is taken for flat: a convolution sums over the channels too
def cost(operation, *sizes):
    if operation == "matmul":
        m, k, n = sizes
        return 2 * m * k * n, 4 * (m * k + k * n + m * n)
    if operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
        return 2 * n * ho * wo * f * kh * kw, 4 * (n * h * w * c + kh * kw * c * f + n * ho * wo * f)
    b, q, d = sizes
    return 2 * b * q * d, 4 * (b * d + q * d) + 8 * b


# %% tags=["exercise:02.a"]
# diagnosis: one result for each pixel, whatever stride and padding do
def cost(operation, *sizes):
    if operation == "matmul":
        m, k, n = sizes
        return 2 * m * k * n, 4 * (m * k + k * n + m * n)
    if operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        return 2 * n * h * w * f * kh * kw * c, 4 * (n * h * w * c + kh * kw * c * f + n * h * w * f)
    b, q, d = sizes
    return 2 * b * q * d, 4 * (b * d + q * d) + 8 * b


# %% tags=["exercise:02.a"]
# diagnosis: reads the padded image: the border of zeros need not be in memory
def cost(operation, *sizes):
    if operation == "matmul":
        m, k, n = sizes
        return 2 * m * k * n, 4 * (m * k + k * n + m * n)
    if operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        h, w = h + 2 * padding, w + 2 * padding
        ho, wo = (h - kh) // stride + 1, (w - kw) // stride + 1
        return 2 * n * ho * wo * f * kh * kw * c, 4 * (n * h * w * c + kh * kw * c * f + n * ho * wo * f)
    b, q, d = sizes
    return 2 * b * q * d, 4 * (b * d + q * d) + 8 * b


# %% tags=["exercise:02.a"]
# diagnosis: writes the table of all similarities, of which the search needs one row number a query
def cost(operation, *sizes):
    if operation == "matmul":
        m, k, n = sizes
        return 2 * m * k * n, 4 * (m * k + k * n + m * n)
    if operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
        return 2 * n * ho * wo * f * kh * kw * c, 4 * (n * h * w * c + kh * kw * c * f + n * ho * wo * f)
    b, q, d = sizes
    return 2 * b * q * d, 4 * (b * d + q * d + b * q) + 8 * b


# %% tags=["exercise:02.a"]
# diagnosis: np.prod multiplies in 64 bits, and wraps around without a word where the true count has more
def cost(operation, *sizes):
    if operation == "matmul":
        m, k, n = sizes
        return 2 * np.prod([m, k, n]), 4 * (m * k + k * n + m * n)
    if operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
        return 2 * np.prod([n, ho, wo, f, kh, kw, c]), 4 * (n * h * w * c + kh * kw * c * f + n * ho * wo * f)
    b, q, d = sizes
    return 2 * np.prod([b, q, d]), 4 * (b * d + q * d) + 8 * b


# %% tags=["exercise:02.a"]
# diagnosis: 2.0 makes a float of it, which keeps about 16 digits: the last ones of a large count are lost
def cost(operation, *sizes):
    if operation == "matmul":
        m, k, n = sizes
        return 2.0 * m * k * n, 4 * (m * k + k * n + m * n)
    if operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
        return 2.0 * n * ho * wo * f * kh * kw * c, 4 * (n * h * w * c + kh * kw * c * f + n * ho * wo * f)
    b, q, d = sizes
    return 2.0 * b * q * d, 4 * (b * d + q * d) + 8 * b


# %% tags=["exercise:02.b"]
# diagnosis: right numbers, wrong method: a.dot(b) is the same call as @ under another name
def product(a, b):
    return a.dot(b)


# %% tags=["exercise:02.b"]
# diagnosis: right numbers, wrong method: einsum is one more name for the product
def product(a, b):
    return np.einsum("ik,kj->ij", a, b)


# %% tags=["exercise:02.b"]
# diagnosis: right numbers, wrong method: the @ is moved into a helper, where a look at this function misses it
def helper(a, b):
    return a @ b


def product(a, b):
    return helper(a, b)


# %% tags=["exercise:02.b"]
# diagnosis: right numbers, wrong method: the name is put together while it runs, so that nobody reads it
def product(a, b):
    return getattr(np, "d" + "ot")(np.asarray(a), np.asarray(b))


# %% tags=["exercise:02.b"]
# diagnosis: makes all products, throws them away, and lets @ do the work
def product(a, b):
    (a[:, :, None] * b).sum(1)
    return a @ b


# %% tags=["exercise:02.b"]
# diagnosis: the same with the @ disguised: the products are a decoy, and the result does not come out of them
def product(a, b):
    (a[:, :, None] * b).sum(1)
    return getattr(np, "d" + "ot")(np.asarray(a), np.asarray(b))


# %% tags=["exercise:02.b"]
# diagnosis: right numbers, wrong method: a loop over k in Python, an outer product at a time
def product(a, b):
    c = np.zeros((len(a), b.shape[1]), a.dtype)
    for k in range(len(b)):
        c += a[:, k, None] * b[k]
    return c


# %% tags=["exercise:02.b"]
# diagnosis: np.vectorize looks like NumPy and is a loop: it calls the Python function for every pair
def product(a, b):
    pair = np.vectorize(lambda row, column: (row * column).sum(), signature="(k),(k)->()")
    return pair(a[:, None], b.T)


# %% tags=["exercise:02.b"]
# diagnosis: Python's own sum goes through the first axis, one array after the other: a loop without the word
def product(a, b):
    return sum(a.T[:, :, None] * b[:, None])


# %% tags=["exercise:02.b"]
# diagnosis: all rows meet all rows, k times too many products, and all but the diagonal is thrown away
def product(a, b):
    return np.trace(np.multiply.outer(a, b), axis1=1, axis2=2)


# %% tags=["exercise:02.b"]
# diagnosis: reshape gives b the shape of its transpose, not its order: right only where b is one row or one column
def product(a, b):
    return (a[:, None] * b.reshape(b.shape[::-1])).sum(-1)


# %% tags=["exercise:02.b"]
# diagnosis: adds up over n instead of k: the wrong axis of the right products
def product(a, b):
    return (a[:, :, None] * b).sum(2)


# %% tags=["exercise:02.c"]
# diagnosis: counts the numbers of a matrix (a square law), not the work that is done with them
def seconds_for(target, n, seconds, peak):
    share = 2 * n**3 / seconds / peak
    if share > 1:
        raise ValueError("above the peak")
    return seconds * (target / n) ** 2, share


# %% tags=["exercise:02.c"]
# diagnosis: // rounds the ratio down: 3 // 2 is 1, and anything smaller takes no time at all
def seconds_for(target, n, seconds, peak):
    share = 2 * n**3 / seconds / peak
    if share > 1:
        raise ValueError("above the peak")
    return seconds * (target // n) ** 3, share


# %% tags=["exercise:02.c"]
# diagnosis: predicts what a perfect program would take: the peak is not what this method reaches
def seconds_for(target, n, seconds, peak):
    share = 2 * n**3 / seconds / peak
    if share > 1:
        raise ValueError("above the peak")
    return 2 * target**3 / peak, share


# %% tags=["exercise:02.c"]
# diagnosis: forgets the additions in the rate: half the share, and a measurement that cannot be true slips through
def seconds_for(target, n, seconds, peak):
    share = n**3 / seconds / peak
    if share > 1:
        raise ValueError("above the peak")
    return seconds * (target / n) ** 3, share


# %% tags=["exercise:02.c"]
# diagnosis: believes any measurement, also one that no processor can have made
def seconds_for(target, n, seconds, peak):
    return seconds * (target / n) ** 3, 2 * n**3 / seconds / peak


# %% tags=["exercise:02.c"]
# diagnosis: cuts an impossible share off at 1, which hides the broken measurement
def seconds_for(target, n, seconds, peak):
    return seconds * (target / n) ** 3, min(1, 2 * n**3 / seconds / peak)


# %% tags=["exercise:02.c"]
# diagnosis: the flops of the target in the seconds of the measurement: two different products
def seconds_for(target, n, seconds, peak):
    share = 2 * target**3 / seconds / peak
    if share > 1:
        raise ValueError("above the peak")
    return seconds * (target / n) ** 3, share
