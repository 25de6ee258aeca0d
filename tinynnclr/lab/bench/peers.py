"""The same work with other libraries, called as their documentation advises.

A library is imported only where it is used.
"""
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ...kernels.engine.parallel import get_num_threads


def torch_convolution(x: np.ndarray, w: np.ndarray, g: np.ndarray,
                      stride: int) -> dict[str, Callable[[], object]]:
    """PyTorch on tensors (n, c, h, w), channels last in memory, as oneDNN prefers."""
    import torch

    tx, tg = (torch.from_numpy(a).permute(0, 3, 1, 2) for a in (x, g))
    tw = torch.from_numpy(w).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)

    def forward():
        with torch.no_grad():
            return torch.nn.functional.conv2d(tx, tw, None, stride, 1)

    def backward(mask):
        return torch.ops.aten.convolution_backward(tg, tx, tw, None, [stride, stride], [1, 1],
                                                   [1, 1], False, [0, 0], 1, mask)

    return {"forward": forward, "grad_input": lambda: backward([True, False, False]),
            "grad_weight": lambda: backward([False, True, False])}


def torch_norm(x: np.ndarray, g: np.ndarray) -> Callable[[], object]:
    """BatchNorm2d in training mode and an in-place ReLU, forward and backward."""
    import torch

    tx, tg = (torch.from_numpy(a).permute(0, 3, 1, 2) for a in (x, g))
    norm = torch.nn.BatchNorm2d(x.shape[-1])
    leaf = tx.detach().requires_grad_()

    def both():
        leaf.grad = None
        torch.relu_(norm(leaf)).backward(tg)

    return both


def faiss_search(queries: np.ndarray, bank: np.ndarray) -> Callable[[], object]:
    """IndexFlatIP: exact inner products."""
    import faiss

    faiss.omp_set_num_threads(get_num_threads())
    index = faiss.IndexFlatIP(bank.shape[1])
    index.add(bank)
    return lambda: index.search(queries, 1)


def kornia_views(images: np.ndarray) -> Callable[[], object]:
    """kornia's batched augmentations on a float tensor."""
    import kornia.augmentation as K
    import torch

    x = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255).contiguous()
    view = K.AugmentationSequential(
        K.RandomResizedCrop((32, 32), scale=(0.2, 1.0)), K.RandomHorizontalFlip(),
        K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8), K.RandomGrayscale(p=0.2), same_on_batch=False)

    def both():
        with torch.no_grad():
            return view(x), view(x)

    return both


def albumentations_views(images: np.ndarray) -> Callable[[], object]:
    """albumentations, image by image, on all threads: OpenCV releases the interpreter's lock."""
    import albumentations as A
    import cv2

    cv2.setNumThreads(1)
    view = A.Compose([A.RandomResizedCrop(size=(32, 32), scale=(0.2, 1.0)), A.HorizontalFlip(),
                      A.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, p=0.8),
                      A.ToGray(p=0.2)])
    pool = ThreadPoolExecutor(get_num_threads())

    def one(image):
        return [view(image=image)["image"].astype(np.float32) / 255 for _ in range(2)]

    return lambda: list(pool.map(one, images))
