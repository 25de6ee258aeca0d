# %%
import numpy as np  # noqa: F401

# %% tags=["exercise:02.a"]
def cost(operation, *sizes):
    if operation == "matmul":
        m, k, n = sizes
        results, products, read = m * n, k, m * k + k * n
    elif operation == "conv":
        n, h, w, c, kh, kw, f, stride, padding = sizes
        ho, wo = (h + 2 * padding - kh) // stride + 1, (w + 2 * padding - kw) // stride + 1
        results, products, read = n * ho * wo * f, kh * kw * c, n * h * w * c + kh * kw * c * f
    else:                                            # nearest: b*q dot products, of which b row numbers are kept
        b, q, d = sizes
        return 2 * b * q * d, 4 * (b * d + q * d) + 8 * b
    return 2 * results * products, 4 * (read + results)


# %% tags=["exercise:02.b"]
def product(a, b):
    return (a[:, :, None] * b).sum(1)                # (m, k, 1) * (k, n) -> (m, k, n) -> (m, n)


# %% tags=["exercise:02.c"]
def seconds_for(target, n, seconds, peak):
    share = 2 * n**3 / seconds / peak
    if share > 1:
        raise ValueError(f"{share:.3g} times the peak: that work was not done in that time")
    return seconds * (target / n) ** 3, share
