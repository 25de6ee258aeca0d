"""Files of data sets as their owners publish them, with random content."""
import gzip
import struct

from tinynnclr.datasets import fashion_mnist

CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
                 "truck")


def cifar_record(labels, image):
    """A record written the slow way: for each colour, each row, each pixel."""
    pixels = [image[row, column, channel] for channel in range(3) for row in range(32) for column
              in range(32)]
    return bytes(labels) + bytes(pixels)


def idx(array):
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


def write_fashion(folder, arrays, zipped=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(fashion_mnist.FILES, arrays, strict=True):
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
