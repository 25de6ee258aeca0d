# %% [markdown]
# # 06 · Plausible ways to get it wrong

# %%
import math

import numpy as np

# %% tags=["exercise:06.a"]
# diagnosis: mean and variance are taken for constants: every row is blamed as if it were alone
def batch_norm_grad(g, x, weight, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    std = np.sqrt(x.var(axis=axes) + eps)
    xhat = (x - x.mean(axis=axes)) / std
    return g * weight / std, (g * xhat).sum(axis=axes), g.sum(axis=axes)

# %% tags=["exercise:06.a"]
# diagnosis: only the mean moves with x, and the variance is a constant
def batch_norm_grad(g, x, weight, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    std = np.sqrt(x.var(axis=axes) + eps)
    xhat = (x - x.mean(axis=axes)) / std
    return weight / std * (g - g.mean(axis=axes)), (g * xhat).sum(axis=axes), g.sum(axis=axes)

# %% tags=["exercise:06.a"]
# diagnosis: sums where means belong: each row is charged for the whole batch
def batch_norm_grad(g, x, weight, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    std = np.sqrt(x.var(axis=axes) + eps)
    xhat = (x - x.mean(axis=axes)) / std
    dx = weight / std * (g - g.sum(axis=axes) - xhat * (g * xhat).sum(axis=axes))
    return dx, (g * xhat).sum(axis=axes), g.sum(axis=axes)

# %% tags=["exercise:06.a"]
# diagnosis: g was multiplied by the weight at the start, and so dweight has the weight in it too
def batch_norm_grad(g, x, weight, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    std = np.sqrt(x.var(axis=axes) + eps)
    xhat = (x - x.mean(axis=axes)) / std
    g = g * weight
    dx = (g - g.mean(axis=axes) - xhat * (g * xhat).mean(axis=axes)) / std
    return dx, (g * xhat).sum(axis=axes), g.sum(axis=axes)

# %% tags=["exercise:06.a"]
# diagnosis: over the first axis only: right for rows, but every pixel of a picture becomes a channel of its own
def batch_norm_grad(g, x, weight, eps=1e-5):
    std = np.sqrt(x.var(axis=0) + eps)
    xhat = (x - x.mean(axis=0)) / std
    dx = weight / std * (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0))
    axes = tuple(range(x.ndim - 1))
    return dx, (g * xhat).sum(axis=axes), g.sum(axis=axes)

# %% tags=["exercise:06.a"]
# diagnosis: one mean and variance for all channels together
def batch_norm_grad(g, x, weight, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    std = np.sqrt(x.var() + eps)
    xhat = (x - x.mean()) / std
    dx = weight / std * (g - g.mean() - xhat * (g * xhat).mean())
    return dx, (g * xhat).sum(axis=axes), g.sum(axis=axes)

# %% tags=["exercise:06.a"]
# diagnosis: eps is added to the spread and not to the variance
def batch_norm_grad(g, x, weight, eps=1e-5):
    axes = tuple(range(x.ndim - 1))
    std = x.std(axis=axes) + eps
    xhat = (x - x.mean(axis=axes)) / std
    dx = weight / std * (g - g.mean(axis=axes) - xhat * (g * xhat).mean(axis=axes))
    return dx, (g * xhat).sum(axis=axes), g.sum(axis=axes)

# %% tags=["exercise:06.a"]
# diagnosis: the right values by the whole Jacobian, rows times rows for each channel
def batch_norm_grad(g, x, weight, eps=1e-5):
    rows, blame = x.reshape(-1, x.shape[-1]), g.reshape(-1, x.shape[-1])
    m, dx = len(rows), np.empty(rows.shape)
    std = np.sqrt(rows.var(axis=0) + eps)
    xhat = (rows - rows.mean(axis=0)) / std
    for c in range(rows.shape[1]):
        jacobian = (np.eye(m) - 1 / m - np.outer(xhat[:, c], xhat[:, c]) / m) / std[c]
        dx[:, c] = weight[c] * (blame[:, c] @ jacobian)
    return dx.reshape(x.shape), (blame * xhat).sum(axis=0), blame.sum(axis=0)

# %% tags=["exercise:06.b"]
# diagnosis: the batch's own statistics in both modes: a picture that comes alone becomes nothing but the bias
def batch_norm_mode(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    axes, m = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    mean, var = x.mean(axis=axes), x.var(axis=axes)
    y = (x - mean) / np.sqrt(var + eps) * weight + bias
    if training:
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (var * m / (m - 1) - running_var)
    return y, running_mean, running_var

# %% tags=["exercise:06.b"]
# diagnosis: the running variance follows the one divided by m, and not by m - 1
def batch_norm_mode(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean, running_var
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (var - running_var)
    return (x - mean) / np.sqrt(var + eps) * weight + bias, running_mean, running_var

# %% tags=["exercise:06.b"]
# diagnosis: momentum is taken for what a running number keeps, so it jumps nine tenths of the way
def batch_norm_mode(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean, running_var
    if training:
        axes, m = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        running_mean = momentum * running_mean + (1 - momentum) * mean
        running_var = momentum * running_var + (1 - momentum) * var * m / (m - 1)
    return (x - mean) / np.sqrt(var + eps) * weight + bias, running_mean, running_var

# %% tags=["exercise:06.b"]
# diagnosis: the running numbers are moved first and then used in training as well
def batch_norm_mode(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    if training:
        axes, m = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (var * m / (m - 1) - running_var)
    return (x - running_mean) / np.sqrt(running_var + eps) * weight + bias, running_mean, running_var

# %% tags=["exercise:06.b"]
# diagnosis: the running numbers move in evaluation too, so that judging changes the network
def batch_norm_mode(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    axes, m = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    mean, var = x.mean(axis=axes), x.var(axis=axes)
    new_mean = running_mean + momentum * (mean - running_mean)
    new_var = running_var + momentum * (var * m / max(m - 1, 1) - running_var)
    if not training:
        mean, var = running_mean, running_var
    return (x - mean) / np.sqrt(var + eps) * weight + bias, new_mean, new_var

# %% tags=["exercise:06.b"]
# diagnosis: training normalises with the variance divided by m - 1, so what comes out has a variance below 1
def batch_norm_mode(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean, running_var
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, var = x.mean(axis=axes), x.var(axis=axes, ddof=1)
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (var - running_var)
    return (x - mean) / np.sqrt(var + eps) * weight + bias, running_mean, running_var

# %% tags=["exercise:06.b"]
# diagnosis: the mode is guessed from the batch: two pictures are taken for training, whatever was said
def batch_norm_mode(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean, running_var
    if len(x) > 1:
        axes, m = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (var * m / (m - 1) - running_var)
    return (x - mean) / np.sqrt(var + eps) * weight + bias, running_mean, running_var

# %% tags=["exercise:06.c"]
# diagnosis: He's start, as for any other layer: no ReLU follows, and the scores are loud
def quiet_head(features, classes, rng):
    return rng.standard_normal((features, classes)) * math.sqrt(2 / features), np.zeros(classes)

# %% tags=["exercise:06.c"]
# diagnosis: the right first loss by weights of zero, through which no blame gets back
def quiet_head(features, classes, rng):
    return np.zeros((features, classes)), np.zeros(classes)

# %% tags=["exercise:06.c"]
# diagnosis: the right first loss by equal columns: all classes have one score, and their blame cancels
def quiet_head(features, classes, rng):
    column = rng.standard_normal((features, 1)) * math.sqrt(2 / features)
    return np.repeat(column, classes, axis=1), np.zeros(classes)

# %% tags=["exercise:06.c"]
# diagnosis: a spread of 0.01 whatever the features: quiet for a hundred of them, loud for four thousand
def quiet_head(features, classes, rng):
    return 0.01 * rng.standard_normal((features, classes)), np.zeros(classes)

# %% tags=["exercise:06.c"]
# diagnosis: quiet weights, but a bias drawn at random: opinions again, and the same for every picture
def quiet_head(features, classes, rng):
    return 0.01 / math.sqrt(features) * rng.standard_normal((features, classes)), rng.standard_normal(classes)

# %% tags=["exercise:06.c"]
# diagnosis: as small as can be, for the sake of the loss: what gets through is as good as nothing
def quiet_head(features, classes, rng):
    return 1e-8 / math.sqrt(features) * rng.standard_normal((features, classes)), np.zeros(classes)


# %% tags=["exercise:06.c"]
# diagnosis: the right size, but drawn from a generator of its own, without a seed: no run can be repeated
def quiet_head(features, classes, rng):
    return 0.01 / math.sqrt(features) * np.random.default_rng().standard_normal((features, classes)), np.zeros(classes)


# %% tags=["exercise:06.b"]
# diagnosis: eps is not looked at: 0.00001 is written into the formula
def batch_norm_mode(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    mean, var = running_mean, running_var
    if training:
        axes = tuple(range(x.ndim - 1))
        m = x.size // x.shape[-1]
        mean, var = x.mean(axis=axes), x.var(axis=axes)
        running_mean = running_mean + momentum * (mean - running_mean)
        running_var = running_var + momentum * (var * m / (m - 1) - running_var)
    return (x - mean) / np.sqrt(var + 1e-5) * weight + bias, running_mean, running_var
