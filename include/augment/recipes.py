"""Image recipes: which Albumentations transforms suit which pictures. To add one, write it here and name it in
registry.py."""

import os

# Albumentations asks the package index for a newer release when it is imported, unless told not to.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A  # noqa: TID253  (imported lazily, by the registry)

from include.augment.transforms import Affine, Elastic, Noise, OneOf

# Repeat the edge: the paper goes on beyond the picture.
BORDER_REPLICATE = 1

Transforms = list[A.BasicTransform | A.BaseCompose]


def digits(rotate: float = 12, shift: float = 0.06, scale: float = 0.1, light: float = 0.15) -> Transforms:
    """Hand-written digits: what another pen, hand or lamp would change, and never a mirror image.

    `rotate` in degrees, `shift` in parts of the side, `scale` in parts of the size, `light` in parts of the range.
    A flipped digit is no digit, and a 6 turned far enough is a 9: hence no flips and small angles.
    """
    return [
        Affine(
            rotate=(-rotate, rotate),
            translate_percent=(-shift, shift),
            scale=(1 - scale, 1 + scale),
            border_mode=BORDER_REPLICATE,
            p=1.0,
        ),
        OneOf(
            [
                Elastic(alpha=8, sigma=4, border_mode=BORDER_REPLICATE),
                A.GaussianBlur(blur_limit=(3, 3)),
                Noise(std_range=(0.02, 0.06)),
            ],
            p=0.7,
        ),
        A.RandomBrightnessContrast(brightness_limit=light, contrast_limit=light, p=0.8),
    ]
