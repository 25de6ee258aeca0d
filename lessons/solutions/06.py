# %% [markdown]
# Answers to lesson 06. Yours may look different: what counts is that the check passes it.

# %%
import math

import numpy as np

# %% tags=["exercise:06.a"]
def batch_norm_grad(g, x, weight, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    std = np.sqrt(x.var(axis=axes) + eps)
    xhat = (x - x.mean(axis=axes)) / std
    dx = weight / std * (g - g.mean(axis=axes) - xhat * (g * xhat).mean(axis=axes))
    return dx, (g * xhat).sum(axis=axes), g.sum(axis=axes)


# %% tags=["exercise:06.b"]
def batch_norm_mode(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean, running_var
    if training:
        axes = tuple(range(x.ndim - 1))
        m = x.size // x.shape[-1]
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (var * m / (m - 1) - running_var)
    return (x - mean) / np.sqrt(var + eps) * weight + bias, running_mean, running_var


# %% tags=["exercise:06.c"]
def quiet_head(features, classes, rng):
    spread = 0.01 / math.sqrt(features)         # scores of spread 0.01 for features of mean square 1
    return spread * rng.standard_normal((features, classes)), np.zeros(classes)
