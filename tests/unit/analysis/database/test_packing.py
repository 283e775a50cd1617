"""What is packed comes back bit for bit, and takes less space."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from services.analysis.database.arrays import encode_floats
from services.analysis.database.packing import pack_floats, pack_points, unpack_floats, unpack_points
from services.analysis.results.domain import PointChunk
from tests.support.tables import spectra

Floats = NDArray[np.float64]
ODD = [np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308, 2.0**53 + 2, 0.1 + 0.2]
# As CSV files have them: few digits, large and small.
DECIMALS = st.builds(
    lambda whole, places: whole / 10.0**places, st.integers(-(10**9), 10**9), st.integers(0, 12)
)
VALUES = st.one_of(DECIMALS, st.floats(), st.floats(width=32), st.sampled_from(ODD))


def same_bits(left: Floats, right: Floats) -> bool:
    return left.shape == right.shape and left.tobytes() == right.tobytes()


@given(arrays(np.float64, array_shapes(min_dims=1, max_dims=2, max_side=12), elements=VALUES))
def test_every_bit_comes_back(values: Floats) -> None:
    assert same_bits(unpack_floats(pack_floats(values)), values)


@given(arrays(np.float64, (20, 3), elements=DECIMALS))
def test_columns_with_decimals_come_back(values: Floats) -> None:
    assert same_bits(unpack_floats(pack_floats(values)), values)


def test_every_kind_of_column_beside_the_others() -> None:
    rng = np.random.default_rng(1)
    values = np.column_stack(
        (
            rng.normal(size=100),
            rng.normal(size=100).round(3),
            rng.normal(size=100).astype(np.float32),
            np.arange(100),
            # A sample that does not fit comes after those that are tried first.
            np.append(np.zeros(99), np.nan),
            np.append(np.ones(99), -0.0),
        )
    )
    assert same_bits(unpack_floats(pack_floats(values)), values)


def test_a_table_of_six_decimals_takes_a_third() -> None:
    values = spectra(512, seed=3).round(6)
    assert len(pack_floats(values)) < values.nbytes / 2.8


def test_negative_zeros_of_rounded_numbers_cost_little() -> None:
    values = np.random.default_rng(1).normal(scale=0.01, size=(512, 16)).round(2)
    assert np.signbit(values[values == 0]).any()
    packed = pack_floats(values)
    assert same_bits(unpack_floats(packed), values)
    assert len(packed) < values.nbytes / 15


def test_an_unknown_version_is_refused() -> None:
    packed = pack_floats(np.zeros(3))
    with pytest.raises(ValueError, match="version 9"):
        unpack_floats(b"\x09" + packed[1:])


@pytest.mark.parametrize("samples", [1, 7, 8, 512])
@pytest.mark.parametrize("bare", [False, True])
def test_points_come_back(samples: int, bare: bool) -> None:
    x, y, distance, misfit = np.random.default_rng(2).normal(size=(4, samples))
    chunk = PointChunk(
        first=4,
        x=x,
        y=y,
        distance=distance,
        misfit=None if bare else misfit,
        anomaly=None if bare else [value > 1 for value in distance.tolist()],
        metadata=None if bare else '[{"load": 1.10, "Grad °": "ß"}]',
    )
    found = unpack_points(pack_points(chunk), 4)
    for name in ("x", "y", "distance", "misfit"):
        before, after = getattr(chunk, name), getattr(found, name)
        assert (before is None) == (after is None)
        if before is not None:
            assert encode_floats(before) == encode_floats(after)
    assert (found.first, found.anomaly, found.metadata) == (4, chunk.anomaly, chunk.metadata)
