"""Pictures of where a unit is active."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from jaxdissect.errors import BadInput
from jaxdissect.pages import pictures


@pytest.fixture
def strip_parts():
    images = np.random.default_rng(0).integers(40, 256, (3, 20, 20, 3), np.uint8)
    regions = np.zeros((3, 20, 20), bool)
    regions[:, 5:12, 6:15] = True
    strip = pictures.region_strip(images, regions)
    step = 20 + pictures.GAP
    return images, regions, np.stack([strip[:, k * step :][:, :20] for k in range(3)])


def test_strip_keeps_pixels_inside_the_region(strip_parts):
    images, regions, shown = strip_parts
    np.testing.assert_array_equal(shown[regions], images[regions])


def test_strip_outlines_the_region_on_its_outer_side(strip_parts):
    _, regions, shown = strip_parts
    outlined = (shown == pictures.OUTLINE).all(-1)
    assert outlined[0, 4, 6:15].all() and outlined[0, 5:12, 15].all()
    assert outlined.sum() == 3 * 2 * (7 + 9)
    assert not (outlined & regions).any()


def test_strip_darkens_everything_else(strip_parts):
    images, regions, shown = strip_parts
    outside = ~regions & ~(shown == pictures.OUTLINE).all(-1)
    luma = np.array(pictures.LUMA)
    ratio = (shown @ luma)[outside] / (images @ luma)[outside]
    np.testing.assert_allclose(ratio, pictures.BRIGHTNESS, atol=0.02)


def test_data_uri_is_a_jpeg_of_the_picture():
    picture = np.full((10, 30, 3), (200, 40, 90), np.uint8)
    kind, data = pictures.data_uri(picture).split(",")
    decoded = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == "data:image/jpeg;base64"
    assert decoded.format == "JPEG" and decoded.size == (30, 10)
    assert np.abs(np.asarray(decoded).astype(int) - picture).max() < 6


def test_high_images_shrink_before_they_are_outlined():
    images = np.full((2, 96, 64, 3), 200, np.uint8)
    regions = np.zeros((2, 96, 64), bool)
    regions[:, 24:48, 16:32] = True
    strip = pictures.region_strip(images, regions, height=24)
    assert strip.shape == (24, 16 + pictures.GAP + 16, 3)
    outlined = (strip[:, :16] == pictures.OUTLINE).all(-1)
    assert outlined.sum() == 2 * (6 + 4)
    assert (strip[6:12, 4:8] == 200).all()


def test_low_images_keep_their_size():
    images = np.random.default_rng(0).integers(0, 256, (2, 20, 20, 3), np.uint8)
    regions = np.ones((2, 20, 20), bool)
    strip = pictures.region_strip(images, regions, height=24)
    np.testing.assert_array_equal(strip[:, :20], images[0])


def test_pictures_without_height_are_refused(strip_parts):
    images, regions, _ = strip_parts
    with pytest.raises(BadInput, match="`height` is 0; it must be at least 1"):
        pictures.region_strip(images, regions, height=0)
