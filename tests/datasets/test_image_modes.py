"""Image files of every mode: the right 8-bit pixels on white, or one line that names the mode."""
import io
import struct
import subprocess
import zlib

import numpy as np
import pytest
from one_line import fails
from PIL import Image, ImageFile
from places import ROOT

from tinynnclr.datasets.folder import FORMATS, decode_image

WHITE = (255, 255, 255)
LOSSLESS = {"WEBP": {"lossless": True}}


def png(depth, kind, row, transparent=b"", palette=b""):
    """A PNG file of two rows of two pixels; Pillow cannot write all of these modes."""
    def chunk(name, data):
        checksum = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)

    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 2, 2, depth, kind, 0, 0, 0)), (b"PLTE", palette),
              (b"tRNS", transparent), (b"IDAT", zlib.compress(2 * (b"\0" + row)))]
    return (b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*item) for item in chunks if item[1])
            + chunk(b"IEND", b""))


def words(*values):
    return struct.pack(f">{len(values)}H", *values)


def tiff(mode, bits, data, white=1, signed=1, extra=None):
    """A little-endian TIFF of 2 x 2 pixels."""
    tags = {256: (3, 2), 257: (3, 2), 258: (3, *bits), 259: (3, 1), 262: (3, white), 273: (4, 400),
            277: (3, len(bits)), 278: (3, 2), 279: (4, len(data)), 339: (3, *[signed] * len(bits))}
    if extra is not None:
        tags[338] = (3, extra)
    entries, beyond = b"", b""
    for tag, (kind, *values) in sorted(tags.items()):
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            packed, beyond = struct.pack("<I", 300 + len(beyond)), beyond + packed
        entries += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return (head.ljust(300, b"\0") + beyond).ljust(400, b"\0") + data


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def new(mode, color):
    image = Image.new(mode, (2, 2), color)
    if mode in ("P", "PA"):
        image.putpalette([9, 9, 9, 10, 20, 30])
    return image


RIGHT = {"1": (saved(new("1", 1), "PNG"), WHITE),
         "1, white is zero": (tiff("1", [1], b"\0\0", white=0), WHITE),
         "L": (saved(new("L", 77), "BMP"), (77, 77, 77)),
         "L, white is zero": (tiff("L", [8], bytes([7] * 4), white=0), (248, 248, 248)),
         "L of 2 bits": (png(2, 0, b"\xa0"), (170, 170, 170)),
         "L of 2 bits, transparent": (png(2, 0, b"\xa0", words(2)), WHITE),
         "L of 2 bits, another transparent": (png(2, 0, b"\x00", words(1)), (0, 0, 0)),
         "L of 4 bits, transparent": (png(4, 0, b"\x44", words(4)), WHITE),
         "L of 8 bits, transparent": (png(8, 0, b"\x44\x44", words(0x44)), WHITE),
         "1, transparent": (png(1, 0, b"\x00", words(0)), WHITE),
         "LA": (saved(new("LA", (0, 51)), "PNG"), (204, 204, 204)),
         "La": (tiff("La", [8, 8], bytes([51, 102] * 4), extra=1), (204, 204, 204)),
         "LA of 16 bits": (png(16, 4, words(0, 0x3333) * 2), (204, 204, 204)),
         "P": (saved(new("P", 1), "GIF"), (10, 20, 30)),
         "P, transparent": (saved(new("P", 1), "PNG", transparency=1), WHITE),
         "P, transparency bytes": (png(8, 3, b"\1\1", b"\xff\x66", bytes(6)), (153, 153, 153)),
         "PA": (saved(new("PA", (1, 0)), "TIFF"), WHITE),
         "PA, opaque": (saved(new("PA", (1, 255)), "TIFF"), (10, 20, 30)),
         "RGB": (saved(new("RGB", (1, 2, 3)), "PPM"), (1, 2, 3)),
         "RGB, transparent": (png(8, 2, bytes([1, 2, 3] * 2), words(1, 2, 3)), WHITE),
         "RGB of 16 bits": (png(16, 2, words(0x0100, 0xff00, 0x80ff) * 2), (1, 255, 128)),
         "RGBA": (saved(new("RGBA", (0, 0, 0, 102)), "WEBP", lossless=True), (153, 153, 153)),
         "RGBa": (tiff("RGBa", [8] * 4, bytes([51, 0, 0, 51] * 4), white=2, extra=1),
                  (255, 204, 204)),
         "RGBX": (tiff("RGBX", [8] * 4, bytes([1, 2, 3, 0] * 4), white=2, extra=0), (1, 2, 3)),
         "CMYK": (saved(new("CMYK", (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
         "CMYK of JPEG": (saved(new("CMYK", (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
         "YCbCr": (saved(new("YCbCr", (90, 128, 128)), "TIFF"), (90, 90, 90)),
         "I;16": (png(16, 0, words(0x4d4d, 0x4d4d)), (77, 77, 77)),
         "I;16, highest": (png(16, 0, words(65535, 65535)), WHITE),
         "I;16, transparent": (png(16, 0, words(40000, 40000), words(40000)), WHITE),
         "I;16, another transparent": (png(16, 0, words(40001, 40001), words(40000)),
                                       (156, 156, 156)),
         "I;16 of TIFF": (saved(new("I;16", 0x4d00), "TIFF"), (77, 77, 77)),
         "I;16B": (saved(new("I;16B", 0x4d00), "TIFF"), (77, 77, 77)),
         "I;16, white is zero": (tiff("I;16", [16], struct.pack("<4H", *[0xfe00] * 4), white=0),
                                 (1, 1, 1)),
         "I;12": (tiff("I;12", [12], b"\x4d\x04\xd0" * 2), (77, 77, 77)),
         "PGM of 16 bits": (b"P5 2 2 65535\n" + words(0x4d00, 0x4d00, 0x4d00, 0x4d00),
                            (77, 77, 77)),
         "PGM of 10 bits": (b"P2 2 2 1023\n1023 1023 1023 1023\n", WHITE),
         "PGM up to 100": (b"P5 2 2 100\n" + bytes([100] * 4), WHITE)}


@pytest.mark.parametrize("name", RIGHT)
def test_right_pixels(tmp_path, name):
    content, color = RIGHT[name]
    (tmp_path / "x.png").write_bytes(content)  # another promised format than the name says is fine
    assert decode_image(tmp_path / "x.png", 2).tolist() == [[list(color)] * 2] * 2


REFUSED = {
    "F": saved(new("F", 0.5), "TIFF"),
    "F, white is zero": tiff("F", [32], struct.pack("<4f", *[0.5] * 4), white=0, signed=3),
    "F of PFM": b"Pf 2 2 -1.0\n" + bytes(16),
    "I": saved(new("I", 70000), "TIFF"),
    "I, unsigned": tiff("I", [32], struct.pack("<4I", *[7] * 4)),
    "I, of signed 16 bits": tiff("I", [16], struct.pack("<4h", *[-7] * 4), signed=2),
    "L, signed": tiff("L", [8], bytes([200] * 4), signed=2),
    "LAB": saved(Image.new("LAB", (2, 2)), "TIFF"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_values_without_a_fixed_range_are_refused(tmp_path, name):
    (tmp_path / "x.tif").write_bytes(REFUSED[name])
    mode = name.replace(",", "").split()[0]
    with fails(ValueError, "x.tif", f"mode {mode}", "no fixed range", "convert it to 8-bit gray"):
        decode_image(tmp_path / "x.tif", 2)


def test_16_bit_colour_with_a_transparent_one_is_refused(tmp_path):
    (tmp_path / "x.png").write_bytes(png(16, 2, words(40000, 2, 3) * 2, words(40000, 2, 3)))
    with fails(ValueError, "x.png", "mode RGB with 16 bits and a transparent colour", "convert"):
        decode_image(tmp_path / "x.png", 2)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_several_frames(tmp_path, kind):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue", "lime")]
    frames[0].save(tmp_path / "x.png", kind, save_all=True, append_images=frames[1:],
                   **LOSSLESS.get(kind, {}))
    assert (decode_image(tmp_path / "x.png", 8) == (255, 0, 0)).all()


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGB"), ("TIFF", "RGB"), ("WEBP", "RGB"),
                                            ("PNG", "I;16"), ("TIFF", "I;16")])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright(tmp_path, kind, mode, orientation):
    """By EXIF's definition: where the first row and column of the file are in the upright image."""
    pixels = np.array([[1, 2], [3, 4]], np.uint16) * 20
    upright = {1: [[1, 2], [3, 4]], 2: [[2, 1], [4, 3]], 3: [[4, 3], [2, 1]], 4: [[3, 4], [1, 2]],
               5: [[1, 3], [2, 4]], 6: [[3, 1], [4, 2]], 7: [[4, 2], [3, 1]],
               8: [[2, 4], [1, 3]]}[orientation]
    image = Image.fromarray(pixels << 8 if mode == "I;16" else pixels.astype(np.uint8))
    if mode == "RGB":
        image = image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "x.png", kind, exif=exif, **LOSSLESS.get(kind, {}))
    assert (decode_image(tmp_path / "x.png", 2)[:, :, 1] // 20).tolist() == upright


OTHERS = {"EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
                  b"showpage\n%%EOF\n"),
          "PDF": b"%PDF-1.4\n", "ICO": saved(Image.new("RGB", (16, 16)), "ICO"),
          "TGA": saved(new("RGB", 0), "TGA"), "PSD": b"8BPS\0\1" + bytes(90), "SVG": b"<svg/>",
          "JPEG2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(90), "empty": b""}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("suffix", [".png", ".gif", ".tif"])
def test_only_promised_formats_are_opened(tmp_path, monkeypatch, name, suffix):
    def never(*args, **kwargs):
        raise AssertionError("started a program")

    monkeypatch.setattr(subprocess, "Popen", never)
    Image.init()  # as after another part of the program used Pillow
    (tmp_path / f"x{suffix}").write_bytes(OTHERS[name])
    with fails(ValueError, f"x{suffix}: cannot be decoded", "none of PNG, JPEG", "convert"):
        decode_image(tmp_path / f"x{suffix}", 2)


def test_every_file_is_opened_with_its_formats():
    for path in (ROOT / "tinynnclr").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert "Image.open(" not in line or "formats=" in line, f"{path.name}: {line}"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_truncated_file_is_named(tmp_path, kind):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    content = saved(noise, kind)
    (tmp_path / "x.png").write_bytes(content[: len(content) // 2])
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    with fails(ValueError, r"x.png: cannot be decoded as an image \("):
        decode_image(tmp_path / "x.png", 2)
