# %%
import math

import numpy as np

from tinynnclr.tensor import Tensor, no_grad

# %% tags=["exercise:14.a"]
# diagnosis: it looks after the step, when the batch is in the queue, as it should be: fires on the healthy step
def only_old_friends(step):
    ids = step.batch()
    step(ids)
    assert not np.isin(ids, step.ids).any()


# %% tags=["exercise:14.a"]
# diagnosis: it asks for ids, and an older copy of an image, from an earlier epoch, has the same id
def only_old_friends(step):
    ids = step.batch()
    z1, z2 = (step.embed(x) for x in step.views(ids))
    whose = step.friends(z1, z2, ids)[2]
    assert (whose != ids).all()


# %% tags=["exercise:14.a"]
# diagnosis: it looks at view 1 alone; a queue filled between the two look-ups spoils view 2
def only_old_friends(step):
    before, ids = step.rows, step.batch()
    z1, z2 = (step.embed(x) for x in step.views(ids))
    n1 = step.friends(z1, z2, ids)[0]
    n1 = n1.numpy() if isinstance(n1, Tensor) else n1
    assert np.isclose(n1[:, None], before, atol=1e-5).all(axis=2).any(axis=1).all()


# %% tags=["exercise:14.a"]
# diagnosis: a friend so near must be oneself, it thinks; but the dot product is no cosine where rows are long
def only_old_friends(step):
    ids = step.batch()
    z1, z2 = (step.embed(x) for x in step.views(ids))
    n1 = step.friends(z1, z2, ids)[0]
    n1 = n1.numpy() if isinstance(n1, Tensor) else n1
    unit = z1.numpy() / np.linalg.norm(z1.numpy(), axis=1, keepdims=True)
    assert (unit * n1).sum(axis=1).max() < 0.9999


# %% tags=["exercise:14.a"]
# diagnosis: right bug, wrong claim: that view 1's friends be not in the queue afterwards, where all but a few still are
def only_old_friends(step):
    ids = step.batch()
    z1, z2 = (step.embed(x) for x in step.views(ids))
    n1 = step.friends(z1, z2, ids)[0]
    n1 = n1.numpy() if isinstance(n1, Tensor) else n1
    assert not np.isclose(n1[:, None], step.rows, atol=1e-5).all(axis=2).any()


# %% tags=["exercise:14.b"]
# diagnosis: right value for the easy case, wrong method: it asks for the type, and a Tensor may be a constant too
def friends_are_constants(step):
    ids = step.batch()
    z1, z2 = (step.embed(x) for x in step.views(ids))
    n1, n2, _ = step.friends(z1, z2, ids)
    assert isinstance(n1, np.ndarray)
    assert isinstance(n2, np.ndarray)


# %% tags=["exercise:14.b"]
# diagnosis: the whole step's gradient comes through the prediction as well: fires on the healthy step
def friends_are_constants(step):
    weights = step.encoder.parameters()
    for w in weights:
        w.grad = None
    loss, _ = step(step.batch())
    loss.backward()
    assert all(w.grad is None or not w.grad.any() for w in weights)


# %% tags=["exercise:14.b"]
# diagnosis: it follows view 1 alone
def friends_are_constants(step):
    ids = step.batch()
    z1, z2 = (Tensor(step.embed(x).numpy(), requires_grad=True) for x in step.views(ids))
    n1, _, _ = step.friends(z1, z2, ids)
    p = Tensor(np.random.default_rng(0).standard_normal(z1.shape).astype(np.float32), requires_grad=True)
    step.loss(n1, p).backward()
    assert z1.grad is None or not z1.grad.any()


# %% tags=["exercise:14.b"]
# diagnosis: in no_grad nothing is recorded, so that no friend ever remembers z: it never fires
def friends_are_constants(step):
    ids = step.batch()
    z1, z2 = (Tensor(step.embed(x).numpy(), requires_grad=True) for x in step.views(ids))
    p = Tensor(np.random.default_rng(0).standard_normal(z1.shape).astype(np.float32), requires_grad=True)
    with no_grad():
        n1, n2, _ = step.friends(z1, z2, ids)
    (step.loss(n1, p) + step.loss(n2, p)).backward()
    assert z1.grad is None
    assert z2.grad is None


# %% tags=["exercise:14.b"]
# diagnosis: it asks the queue for its gradient; the leak goes to z, and the queue is an array either way
def friends_are_constants(step):
    loss, _ = step(step.batch())
    loss.backward()
    assert isinstance(step.rows, np.ndarray)


# %% tags=["exercise:14.c"]
# diagnosis: the same batch twice has the same statistics twice: nothing differs
def same_alone(step):
    few = step.images[:16]
    assert np.allclose(step.encode(few), step.encode(few), atol=1e-4)


# %% tags=["exercise:14.c"]
# diagnosis: another order, but the same company: mean and variance do not care for order
def same_alone(step):
    few = step.images[:16]
    assert np.allclose(step.encode(few), step.encode(few[::-1])[::-1], atol=1e-4)


# %% tags=["exercise:14.c"]
# diagnosis: it asks for the flag, which tells what is set and not what is done; training was on before, and rightly
def same_alone(step):
    step.encode(step.images[:16])
    assert not step.encoder.training


# %% tags=["exercise:14.c"]
# diagnosis: it watches the running statistics, which can be put back; the features are wrong all the same
def same_alone(step):
    before = {name: a.copy() for name, a in step.encoder.state_dict().items()}
    step.encode(step.images[:16])
    after = step.encoder.state_dict()
    assert all((before[name] == after[name]).all() for name in before)


# %% tags=["exercise:14.c"]
# diagnosis: embed() trains, and so depends on the batch by design: fires on the healthy step
def same_alone(step):
    x, _ = step.views(np.arange(16))
    assert np.allclose(step.embed(x).numpy()[:8], step.embed(x[:8]).numpy(), atol=1e-4)


# %% tags=["exercise:14.d"]
# diagnosis: it reads the name on the door; a bug in real code has none
def diagnose(step):
    name = type(step).__name__.lower()
    return "healthy" if name == "step" else name


# %% tags=["exercise:14.d"]
# diagnosis: equal embeddings cost ln b whatever the temperature and whoever is the positive: both wrong losses pass
def diagnose(step):
    x1, x2 = step.views(step.batch())
    ones = np.ones((16, 16), np.float32)
    if (x1 == x2).all():
        return "twins"
    if np.abs(step.encode(step.images[:1]) - step.encode(step.images[:32])[:1]).max() > 1e-3:
        return "company"
    if abs(step.loss(ones, ones).item() - math.log(16)) > 1e-3:
        return "rotated"
    eye = np.eye(16, dtype=np.float32)
    before, ids = step.rows, step.batch()
    z1, z2 = (Tensor(step.embed(x).numpy(), requires_grad=True) for x in step.views(ids))
    n1, _, _ = step.friends(z1, z2, ids)
    if isinstance(n1, Tensor):
        step.loss(n1, eye[:len(ids), :n1.shape[1]]).backward()
        return "gradient" if z1.grad is not None else "healthy"
    if not np.isclose(n1[:, None], before, atol=1e-5).all(axis=2).any(axis=1).all():
        return "itself"
    if not np.allclose(np.linalg.norm(step.rows, axis=1), 1, atol=1e-3):
        return "lengths"
    return "sorted" if len(np.unique(step.labels[step.batch()])) < 3 else "healthy"


# %% tags=["exercise:14.d"]
# diagnosis: it turns the friends the wrong way round, finds no perfect match, and blames the temperature
def diagnose(step):
    eye, t = np.eye(16, dtype=np.float32), step.method.config.temperature
    perfect = math.log(1 + 15 * math.exp(-1 / t))
    before, ids = step.rows, step.batch()
    x1, x2 = step.views(ids)
    if (x1 == x2).all():
        return "twins"
    if np.abs(step.encode(step.images[:1]) - step.encode(step.images[:32])[:1]).max() > 1e-3:
        return "company"
    if abs(step.loss(eye, eye).item() - perfect) > 1e-3:
        return "rotated" if abs(step.loss(np.roll(eye, 1, axis=0), eye).item() - perfect) < 1e-3 else "inverted"
    z1, z2 = (Tensor(step.embed(x).numpy(), requires_grad=True) for x in (x1, x2))
    n1, _, _ = step.friends(z1, z2, ids)
    if isinstance(n1, Tensor):
        return "gradient"
    if not np.isclose(n1[:, None], before, atol=1e-5).all(axis=2).any(axis=1).all():
        return "itself"
    if not np.allclose(np.linalg.norm(step.rows, axis=1), 1, atol=1e-3):
        return "lengths"
    return "sorted" if len(np.unique(step.labels[step.batch()])) < 3 else "healthy"


# %% tags=["exercise:14.d"]
# diagnosis: friends that all agree are taken for a sorted queue; those who find themselves agree as well
def diagnose(step):
    eye, t = np.eye(16, dtype=np.float32), step.method.config.temperature
    perfect = math.log(1 + 15 * math.exp(-1 / t))
    before, ids = step.rows, step.batch()
    x1, x2 = step.views(ids)
    if (x1 == x2).all():
        return "twins"
    if np.abs(step.encode(step.images[:1]) - step.encode(step.images[:32])[:1]).max() > 1e-3:
        return "company"
    if abs(step.loss(eye, eye).item() - perfect) > 1e-3:
        return "rotated" if abs(step.loss(np.roll(eye, -1, axis=0), eye).item() - perfect) < 1e-3 else "inverted"
    z1, z2 = (Tensor(step.embed(x).numpy(), requires_grad=True) for x in (x1, x2))
    n1, _, whose = step.friends(z1, z2, ids)
    if isinstance(n1, Tensor):
        return "gradient"
    if (step.labels[whose] == step.labels[ids]).mean() > 0.9:
        return "sorted"
    if not np.isclose(n1[:, None], before, atol=1e-5).all(axis=2).any(axis=1).all():
        return "itself"
    if not np.allclose(np.linalg.norm(step.rows, axis=1), 1, atol=1e-3):
        return "lengths"
    return "healthy"


# %% tags=["exercise:14.d"]
# diagnosis: it judges by the loss of one step, which says little: six of the eight have an ordinary one
def diagnose(step):
    loss, _ = step(step.batch())
    guess = math.log(step.batch_size)
    return "healthy" if loss.item() < guess else "inverted" if abs(loss.item() - guess) < 0.05 else "rotated"


# %% tags=["exercise:14.a"]
# diagnosis: one old friend is enough to pass: any where all was meant
def only_old_friends(step):
    before, ids = step.rows.copy(), step.batch()
    z1, z2 = (step.embed(x) for x in step.views(ids))
    for n in step.friends(z1, z2, ids)[:2]:
        rows = n.numpy() if isinstance(n, Tensor) else n
        assert np.isclose(before[None], rows[:, None], atol=1e-5).all(axis=2).any(), "no friend was there before"


# %% tags=["exercise:14.b"]
# diagnosis: one number of the gradient that is 0 is taken for all of them
def friends_are_constants(step):
    ids = step.batch()
    z1, z2 = (Tensor(step.embed(x).numpy(), requires_grad=True) for x in step.views(ids))
    n1, n2, _ = step.friends(z1, z2, ids)
    p = Tensor(np.random.default_rng(0).standard_normal(z1.shape).astype(np.float32), requires_grad=True)
    for n, z in ((n1, z1), (n2, z2)):
        step.loss(n, p).backward()
        assert z.grad is None or np.abs(z.grad).min() == 0, "the friend is no constant"


# %% tags=["exercise:14.c"]
# diagnosis: one feature that agrees is enough to pass
def same_alone(step):
    first, others = step.images[:1], step.images[1:32]
    alone = step.encode(first)[0]
    in_company = step.encode(np.concatenate([first, others]))[0]
    assert np.isclose(alone, in_company, atol=1e-3).any(), "the features depend on the company"
