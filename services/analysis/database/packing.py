"""Packs float arrays and the points of a chunk into fewer bytes, without losing a bit.

Measurements mostly come from text with a few decimals. As whole numbers of their last decimal, successive
samples differ by little; as doubles, nearly all of their bytes differ. So each column becomes whole numbers
where these give back the same bits, and then differences from sample to sample. Bytes of equal significance
are stored together, where zstd finds what repeats.
"""

import struct
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.analysis.results.domain import PointChunk

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

VERSION = 1
HEADER = struct.Struct(">BIIB")  # version, samples, columns, whether the array has one dimension
# How a column is stored: a number of decimals, as single precision, or as it is.
MAX_DECIMALS = 15
SINGLE, AS_IT_IS = 254, 255
# Larger whole numbers save nothing over doubles, and near 2**53 they are no longer exact.
MAX_WHOLE = 2**48
POWERS = 10.0 ** np.arange(MAX_DECIMALS + 1)
# Columns of computed values have no few decimals: their first samples tell without looking at all.
SAMPLES_TO_TRY = 8
# Level 9 takes four times as long and saves 1 %.
ZSTD = pa.Codec("zstd", compression_level=3)

POINTS = struct.Struct(">BII")  # what is there, bytes of the floats, bytes of the metadata as text
X, Y, DISTANCE, MISFIT, ANOMALY, METADATA = 1, 2, 4, 8, 16, 32


def pack_floats(values: Floats) -> bytes:
    """Pack an array (n,) or (n, d) of any doubles: NaN, infinities and negative zeros keep their bits."""
    columns = np.ascontiguousarray(values.reshape(len(values), -1).T)
    codes, words = _as_words(columns)
    planes = np.ascontiguousarray(words.view(np.uint8).reshape(*words.shape, 8).transpose(2, 0, 1))
    header = HEADER.pack(VERSION, len(values), len(columns), values.ndim == 1)
    return header + _compress(codes.tobytes() + planes.tobytes())


def unpack_floats(packed: bytes) -> Floats:
    """Return the array that was packed, with its shape."""
    version, samples, count, one_dimension = HEADER.unpack_from(packed)
    if version != VERSION:
        raise ValueError(f"packed floats of version {version} cannot be read by this version of DInsight")
    raw = _decompress(packed[HEADER.size :], count * (1 + 8 * samples))
    codes = np.frombuffer(raw, dtype=np.uint8, count=count)
    planes = np.frombuffer(raw, dtype=np.uint8, offset=count).reshape(8, count, samples)
    words = np.ascontiguousarray(planes.transpose(1, 2, 0)).reshape(count, samples * 8).view(np.uint64)
    columns = _as_floats(codes, words)
    return columns[0] if one_dimension else np.ascontiguousarray(columns.T)


def pack_points(chunk: PointChunk) -> bytes:
    """Pack everything of a chunk but the number of its first sample."""
    columns = [(X, chunk.x), (Y, chunk.y), (DISTANCE, chunk.distance), (MISFIT, chunk.misfit)]
    floats = pack_floats(np.column_stack([column for _, column in columns if column is not None]))
    flags = b"" if chunk.anomaly is None else np.packbits(np.array(chunk.anomaly, dtype=bool)).tobytes()
    text = b"" if chunk.metadata is None else chunk.metadata.encode()
    there = sum(flag for flag, column in columns if column is not None)
    there += ANOMALY * (chunk.anomaly is not None) + METADATA * (chunk.metadata is not None)
    return POINTS.pack(there, len(floats), len(text)) + floats + _compress(flags + text)


def unpack_points(packed: bytes, first: int) -> PointChunk:
    there, float_bytes, text_bytes = POINTS.unpack_from(packed)
    floats = unpack_floats(packed[POINTS.size : POINTS.size + float_bytes])
    present = [flag for flag in (X, Y, DISTANCE, MISFIT) if there & flag]
    columns = dict(zip(present, map(np.ascontiguousarray, floats.T), strict=True))
    flag_bytes = (len(floats) + 7) // 8 if there & ANOMALY else 0
    rest = _decompress(packed[POINTS.size + float_bytes :], flag_bytes + text_bytes)
    flags: Any = np.unpackbits(np.frombuffer(rest, np.uint8, flag_bytes), count=len(floats)).astype(bool)
    return PointChunk(
        first=first,
        x=columns[X],
        y=columns[Y],
        distance=columns.get(DISTANCE),
        misfit=columns.get(MISFIT),
        anomaly=flags.tolist() if there & ANOMALY else None,
        metadata=rest[flag_bytes:].decode() if there & METADATA else None,
    )


def _as_words(columns: Floats) -> tuple[NDArray[np.uint8], Words]:
    """Return how each column (d, n) is stored, and the 64-bit words to store (d, n)."""
    codes = np.full(len(columns), AS_IT_IS, dtype=np.uint8)
    words = columns.view(np.uint64).copy()
    with np.errstate(all="ignore"):
        left = np.arange(len(columns))
        for decimals in range(MAX_DECIMALS + 1):
            likely = left[_whole(columns[left, :SAMPLES_TO_TRY], decimals)[1]]
            numbers, fits = _whole(columns[likely], decimals)
            words[likely[fits]] = _differences(numbers[fits])
            codes[likely[fits]] = decimals
            left = left[codes[left] == AS_IT_IS]
        singles = columns[left].astype(np.float32)
        fits = _same_bits(singles.astype(np.float64), columns[left])
    words[left[fits]] = singles[fits].view(np.uint32)
    codes[left[fits]] = SINGLE
    return codes, words


def _as_floats(codes: NDArray[np.uint8], words: Words) -> Floats:
    columns = words.view(np.float64).copy()
    decimal = codes <= MAX_DECIMALS
    numbers = words[decimal]
    steps = (numbers >> np.uint64(1)).view(np.int64) ^ -(numbers & np.uint64(1)).view(np.int64)
    whole = np.cumsum(steps, axis=1)
    negative = whole < 0
    sizes = np.where(negative, ~whole, whole) / POWERS[codes[decimal]][:, None]
    columns[decimal] = np.where(negative, -sizes, sizes)
    columns[codes == SINGLE] = words[codes == SINGLE].astype(np.uint32).view(np.float32)
    return columns


def _whole(columns: Floats, decimals: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the columns as whole numbers of a decimal, and which of them these represent exactly.

    Text has small negative numbers as -0.0, so 0.0 is 0, -0.0 is -1, and every negative number is one less.
    """
    sizes = np.abs(columns)
    numbers = np.rint(sizes * POWERS[decimals])
    fits = _same_bits(numbers / POWERS[decimals], sizes) & (numbers < MAX_WHOLE).all(axis=1)
    whole = numbers.astype(np.int64)
    return np.where(np.signbit(columns), ~whole, whole), fits


def _same_bits(left: Floats, right: Floats) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (left.view(np.int64) == np.ascontiguousarray(right).view(np.int64)).all(axis=1)
    return same


def _differences(numbers: NDArray[np.int64]) -> Words:
    """Return the steps from sample to sample; small ones of either sign become small words."""
    steps = np.concatenate((numbers[:, :1], numbers[:, 1:] - numbers[:, :-1]), axis=1)
    words: Words = ((steps << 1) ^ (steps >> 63)).view(np.uint64)
    return words


def _compress(raw: bytes) -> bytes:
    packed: bytes = ZSTD.compress(raw, asbytes=True)
    return packed


def _decompress(packed: bytes, size: int) -> bytes:
    raw: bytes = ZSTD.decompress(packed, size, asbytes=True) if size else b""
    return raw
