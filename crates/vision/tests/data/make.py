#!/usr/bin/env python3
"""Writes images/ and pixels.txt: see README.md."""

import io
import struct
import sys
import zlib
from pathlib import Path

import PIL
from PIL import Image, ImageOps

OUT = Path(__file__).parent / "images"
WIDTH, HEIGHT = 13, 9


def pixel(x, y):
    """Smooth, with three channels that differ and reach both ends."""
    return (x * 255 // 12, y * 255 // 8, (x * 11 + y * 17 + x * y) % 256)


RGB = Image.new("RGB", (WIDTH, HEIGHT))
RGB.putdata([pixel(x, y) for y in range(HEIGHT) for x in range(WIDTH)])
ALPHA = Image.new("L", (WIDTH, HEIGHT))
ALPHA.putdata([(x * 40 + y * 13) % 256 for y in range(HEIGHT) for x in range(WIDTH)])
GREY = RGB.convert("L")
RGBA = RGB.copy()
RGBA.putalpha(ALPHA)
LA = GREY.copy()
LA.putalpha(ALPHA)
BITS = RGB.convert("1")
PALETTE = RGB.quantize(16)
GREY16 = Image.new("I;16", (WIDTH, HEIGHT))
GREY16.putdata([(x * 5041 + y * 700) % 65536 for y in range(HEIGHT) for x in range(WIDTH)])
DARK16 = Image.new("I;16", (WIDTH, HEIGHT))
DARK16.putdata([x * 20 + y for y in range(HEIGHT) for x in range(WIDTH)])


def save(name, image, *args, **options):
    image.save(OUT / name, *args, **options)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(name, bits, color, rows, extra=b"", interlace=0):
    """A PNG of a kind that Pillow does not write."""
    raw = b"".join(b"\0" + row for row in rows)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, color, 0, 0, interlace)
    data = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    (OUT / name).write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def wide(channels):
    """Rows of 16-bit samples whose low bytes are not those of 8-bit ones."""
    def sample(x, y, c):
        return (x * 5041 + y * 907 + c * 21011) % 65536
    return [b"".join(struct.pack(">H", sample(x, y, c)) for x in range(WIDTH) for c in range(channels))
            for y in range(HEIGHT)]


def adam7():
    rows = []
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for y in range(y0, HEIGHT, dy):
            row = b"".join(bytes(pixel(x, y)) for x in range(x0, WIDTH, dx))
            if row:
                rows.append(row)
    return rows


def packed(bits, value):
    rows = []
    for y in range(HEIGHT):
        text = "".join(format(value(x, y), f"0{bits}b") for x in range(WIDTH))
        text += "0" * (-len(text) % 8)
        rows.append(bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8)))
    return rows


def bmp(name, bits, compression, data, palette=b"", masks=b"", height=HEIGHT):
    offset = 14 + 40 + len(masks) + len(palette)
    header = b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset)
    header += struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(data), 2835, 2835, len(palette) // 4, 0)
    (OUT / name).write_bytes(header + masks + palette + data)


def main():
    OUT.mkdir(exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()

    for name, sampling in [("444", 0), ("422", 1), ("420", 2)]:
        save(f"jpeg_{name}.jpg", RGB, quality=90, subsampling=sampling)
    save("jpeg_progressive.jpg", RGB, quality=90, progressive=True)
    save("jpeg_restarts.jpg", RGB, quality=90, restart_marker_blocks=1)
    save("jpeg_grey.jpeg", GREY, quality=90)
    save("jpeg_rgb.jpg", RGB, quality=90, keep_rgb=True)
    save("jpeg_cmyk.jpg", RGB.convert("CMYK"), quality=95)

    save("png_rgb.png", RGB)
    save("png_rgba.png", RGBA)
    save("png_grey.png", GREY)
    save("png_grey_alpha.png", LA)
    save("png_1bit.png", BITS)
    save("png_palette.png", PALETTE, bits=8)
    save("png_palette4.png", PALETTE, bits=4)
    save("png_palette_transparent.png", PALETTE, transparency=bytes(range(0, 160, 10)))
    save("png_palette_one_transparent.png", PALETTE, transparency=3)
    save("png_grey_key.png", GREY, transparency=GREY.getpixel((3, 3)))
    save("png_rgb_key.png", RGB, transparency=RGB.getpixel((3, 3)))
    save("png_grey16.png", GREY16)
    save("png_grey16_dark.png", DARK16)
    png("png_rgb16.png", 16, 2, wide(3))
    png("png_rgba16.png", 16, 6, wide(4))
    png("png_grey_alpha16.png", 16, 4, wide(2))
    png("png_grey2.png", 2, 0, packed(2, lambda x, y: (x + y) % 4))
    png("png_grey4.png", 4, 0, packed(4, lambda x, y: (x * y) % 16))
    png("png_interlaced.png", 8, 2, adam7(), interlace=1)
    save("png_animated.png", RGB, save_all=True, append_images=[RGB.transpose(Image.Transpose.ROTATE_180)])

    save("bmp_rgb.bmp", RGB)
    save("bmp_rgba.bmp", RGBA)
    save("bmp_grey.bmp", GREY)
    save("bmp_1bit.bmp", BITS)
    save("bmp_palette.bmp", PALETTE)
    def rgb555(x, y):
        r, g, b = pixel(x, y)
        return (r >> 3) << 10 | (g >> 3) << 5 | b >> 3
    def rgb565(x, y):
        r, g, b = pixel(x, y)
        return (r >> 3) << 11 | (g >> 2) << 5 | b >> 3
    def words(value):
        row = lambda y: b"".join(struct.pack("<H", value(x, y)) for x in range(WIDTH)) + b"\0" * (-2 * WIDTH % 4)
        return b"".join(row(y) for y in reversed(range(HEIGHT)))
    bmp("bmp_555.bmp", 16, 0, words(rgb555))
    bmp("bmp_565.bmp", 16, 3, words(rgb565), masks=struct.pack("<III", 0xF800, 0x07E0, 0x001F))
    row32 = lambda y: b"".join(bytes(pixel(x, y)[::-1]) + b"\x37" for x in range(WIDTH))
    bmp("bmp_32.bmp", 32, 0, b"".join(row32(y) for y in reversed(range(HEIGHT))))
    bmp("bmp_topdown.bmp", 32, 0, b"".join(row32(y) for y in range(HEIGHT)), height=-HEIGHT)
    table = b"".join(bytes([i * 16, 255 - i * 16, i * 5, 0]) for i in range(16)) + bytes(4 * 240)
    rle = b"".join(bytes([5, y, 8, 15 - y]) + b"\0\0" for y in range(HEIGHT - 1)) + bytes([0, 5, 1, 2, 3, 4, 5, 0, 8, 9]) + b"\0\1"
    bmp("bmp_rle8.bmp", 8, 1, rle, palette=table)

    save("pnm_rgb.ppm", RGB)
    save("pnm_grey.pgm", GREY)
    def pnm(name, kind, channels, top, ascii):
        value = lambda x, y, c: (x * 5041 + y * 907 + c * 21011) % (top + 1)
        values = [value(x, y, c) for y in range(HEIGHT) for x in range(WIDTH) for c in range(channels)]
        head = f"{kind}\n# a comment\n{WIDTH} {HEIGHT}\n{top}\n".encode()
        body = " ".join(map(str, values)).encode() if ascii else b"".join(v.to_bytes(1 if top < 256 else 2, "big") for v in values)
        (OUT / name).write_bytes(head + body)
    pnm("pnm_rgb_text.ppm", "P3", 3, 255, True)
    pnm("pnm_grey_text.pgm", "P2", 1, 255, True)
    pnm("pnm_rgb100.ppm", "P6", 3, 100, False)
    pnm("pnm_grey100.pgm", "P5", 1, 100, False)
    pnm("pnm_rgb16.ppm", "P6", 3, 65535, False)
    pnm("pnm_grey16.pgm", "P5", 1, 65535, False)
    pnm("pnm_grey1000.pgm", "P5", 1, 1000, False)
    save("pnm_1bit.ppm", BITS, "PPM")

    for name, options in [("raw", {}), ("lzw", {"compression": "tiff_lzw"}), ("deflate", {"compression": "tiff_adobe_deflate"}),
                          ("packbits", {"compression": "packbits"}), ("jpeg", {"compression": "jpeg", "quality": 90})]:
        save(f"tiff_{name}.tif", RGB, **options)
    save("tiff_predictor.tif", RGB, compression="tiff_lzw", tiffinfo={317: 2})
    save("tiff_big_endian.tiff", RGB, big_tiff=False)
    save("tiff_rgba.tiff", RGBA)
    save("tiff_grey.tif", GREY)
    save("tiff_grey_alpha.tif", LA)
    save("tiff_1bit.tif", BITS)
    save("tiff_group3.tif", BITS, compression="group3")
    save("tiff_group4.tif", BITS, compression="group4")
    save("tiff_palette.tif", PALETTE)
    save("tiff_grey16.tif", GREY16)
    save("tiff_float.tif", GREY.convert("F"))
    save("tiff_int32.tif", GREY.convert("I"))
    save("tiff_cmyk.tif", RGB.convert("CMYK"))
    save("tiff_pages.tif", RGB, save_all=True, append_images=[GREY])

    save("webp_lossy.webp", RGB, quality=90)
    save("webp_lossless.webp", RGB, lossless=True)
    save("webp_alpha.webp", RGBA, lossless=True, exact=True)
    save("webp_lossy_alpha.webp", RGBA, quality=90)
    save("webp_animated.webp", RGB, save_all=True, append_images=[ImageOps.mirror(RGB)], lossless=True)

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        save(f"exif_{orientation}.jpg", RGB, quality=90, subsampling=0, exif=exif)
        save(f"exif_{orientation}.tif", RGB, exif=exif)
    exif = Image.Exif()
    exif[274] = 6
    save("exif_6.png", RGB, exif=exif)
    save("exif_6.webp", RGB, lossless=True, exif=exif)
    big_endian = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x05\0\0\0\0\0\0"
    save("exif_big_endian.jpg", RGB, quality=90, subsampling=0, exif=big_endian)
    save("exif_nonsense.jpg", RGB, quality=90, subsampling=0, exif=b"Exif\0\0II*\0\xff\xff\xff\xff")

    # What the name says is not what the file is.
    (OUT / "really_png.jpg").write_bytes((OUT / "png_rgb.png").read_bytes())
    (OUT / "really_jpeg.webp").write_bytes((OUT / "jpeg_444.jpg").read_bytes())

    lines = [f"# Pillow {PIL.__version__}"]
    for path in sorted(OUT.iterdir()):
        def line(suffix, turn):
            with Image.open(path) as image:
                image = turn(image).convert("RGB")
            lines.append(f"{path.name}{suffix} {image.width} {image.height} {image.tobytes().hex()}")
        try:
            line("", lambda image: image)
            if path.name.startswith("exif"):
                line(":upright", lambda image: ImageOps.exif_transpose(image))
        except Exception as e:
            print(path.name, "fails in Pillow:", e, file=sys.stderr)
    (OUT.parent / "pixels.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
