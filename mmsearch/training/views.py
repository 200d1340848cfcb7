"""Changes to whole batches on the fly: gentle ones for what is learnt by name, copies for likeness."""

import torch  # noqa: TID253 - works on batches in torch; nothing light imports this file
from torch.nn import functional  # noqa: TID253


def crop(
    pixels: torch.Tensor, size: tuple[int, int], least: float, turn: float, generator: torch.Generator
) -> torch.Tensor:
    """Cut a random window of at least `least` of each side, turned by up to `turn` radians, and bring it to a size.

    Float (n, 3, h, w) to (n, 3, *size). Beyond the edge lies white, black or the edge's own colour, by chance.
    """
    n = len(pixels)
    share = 1 - (1 - least) * torch.rand(n, 2, generator=generator) * (torch.rand(n, 1, generator=generator) < 0.7)
    shift = (torch.rand(n, 2, generator=generator) * 2 - 1) * (1 - share)
    angle = (torch.rand(n, generator=generator) * 2 - 1) * turn * (torch.rand(n, generator=generator) < 0.5)
    ratio = pixels.shape[2] / pixels.shape[3]
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack(
        [
            torch.stack([cos * share[:, 0], -sin * share[:, 1] * ratio, shift[:, 0]], 1),
            torch.stack([sin * share[:, 0] / ratio, cos * share[:, 1], shift[:, 1]], 1),
        ],
        1,
    )
    grid = functional.affine_grid(theta, [n, 3, *size], align_corners=False)
    mode = ("border", "zeros", "white")[int(torch.randint(3, (1,), generator=generator))] if turn else "border"
    if mode == "white":
        return 255 - functional.grid_sample(255 - pixels, grid, padding_mode="zeros", align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode=mode, align_corners=False)


def light(pixels: torch.Tensor, strength: float, generator: torch.Generator) -> torch.Tensor:
    """Brightness, contrast, colour cast and grain by chance; float 0 to 255."""
    n = len(pixels)

    def spread(*shape: int) -> torch.Tensor:
        return 1 + strength * (torch.rand(n, *shape, 1, 1, generator=generator) * 2 - 1)

    active = (torch.rand(n, 1, 1, 1, generator=generator) < 0.6).float()
    mean = pixels.mean((1, 2, 3), keepdim=True)
    changed = (mean + (pixels - mean) * spread(1)) * spread(1) * (1 + (spread(3) - 1) * 0.3)
    noise = torch.randn(pixels.shape, generator=generator) * torch.rand(n, 1, 1, 1, generator=generator) * 12 * strength
    return (pixels + active * (changed + noise - pixels)).clamp(0, 255)


def copies(pixels: torch.Tensor, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """The picture as a copy of it may come back: cut, turned, grey, darker, blurred, smaller, noisy."""
    changed = light(crop(pixels, size, 0.7, 0.12, generator), 0.5, generator)
    n = len(changed)
    dark = 1 - 0.6 * torch.rand(n, 1, 1, 1, generator=generator) * (torch.rand(n, 1, 1, 1, generator=generator) < 0.4)
    changed = changed * dark
    grey = (torch.rand(n, 1, 1, 1, generator=generator) < 0.25).float()
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    changed = changed + grey * ((changed * weights).sum(1, keepdim=True) - changed)
    small = torch.rand(n, generator=generator) < 0.3
    if small.any():
        part = changed[small]
        factor = 0.3 + 0.5 * float(torch.rand(1, generator=generator))
        half = functional.interpolate(part, scale_factor=factor, mode="bilinear", antialias=True)
        changed[small] = functional.interpolate(half, size=size, mode="bilinear")
    return changed


def gentle(pixels: torch.Tensor, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Small changes that keep every name true."""
    return light(crop(pixels, size, 0.88, 0.0, generator), 0.2, generator)
