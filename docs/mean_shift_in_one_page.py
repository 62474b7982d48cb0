"""Mean-shift distillation in one page: a density in the plane, a diffusion model of it, and what can be made with that.

    python mean_shift_in_one_page.py [training steps, 5000] [picture, one_page.png]     # a minute; torch and matplotlib

A diffusion model is a denoiser D(z, sigma) ~ E[y | z], where z = y + sigma n, y is clean and n is standard normal. It
knows which way is uphill, (D(z, sigma) - z) / sigma^2 = grad log p_sigma(z), on the data's density p blurred by sigma.
Sampling turns noise into points that are spread like p. Distillation moves the output x of a generator (a rendered
shape, a picture; here x itself) to where p is high, by gradients x.grad = x - y towards a target y. Score distillation
(SDS) draws a new noise level in every step; it comes to rest where things are good on average over all these blurs,
which may be nowhere near the data. Mean shift takes the mean of the clean points near x,

    y = E_pi[y],      pi(y) ~ p(y) N(y; x, lambda^2 I),      y - x = lambda^2 grad log p_lambda(x),

and comes to rest at the modes of p blurred by lambda; as lambda shrinks, they become those of p. After Thamizharasan et
al. 2025, "Mean-Shift Distillation for Diffusion Mode Seeking", arXiv 2502.15989.
"""

import math
import random
import sys
from collections.abc import Callable
from itertools import pairwise

import torch
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor, nn

DATA_STD = 0.45  # of the points in each coordinate, about
Level = float | Tensor  # sigma of all points, or of each [n, 1]
Denoiser = Callable[[Tensor, Level], Tensor]  # D(z, sigma) [n, 2] for z [n, 2]


class Mixture:
    """p(x) = sum_k w_k N(x; mu_k, C_k), C_k = A_k' diag(s_k^2) A_k, whose likelihood and denoiser have closed forms."""

    def __init__(self, weights: Tensor, means: Tensor, axes: Tensor, stds: Tensor) -> None:
        self.weights, self.means, self.axes, self.stds = weights / weights.sum(), means, axes, stds

    def log_density(self, x: Tensor, sigma: Level = 0.0) -> Tensor:
        """log p_sigma(x) [n], where p_sigma = p * N(0, sigma^2 I) has the covariances C_k + sigma^2 I."""
        variances = self.stds**2 + torch.as_tensor(sigma).reshape(-1, 1, 1) ** 2
        away = torch.einsum("kij,nj->nki", self.axes, x) - torch.einsum("kij,kj->ki", self.axes, self.means)
        return (self.weights.log() - (away**2 / variances + (2 * math.pi * variances).log()).sum(2) / 2).logsumexp(1)

    def denoise(self, z: Tensor, sigma: Level) -> Tensor:
        """E[y | z] = z + sigma^2 grad log p_sigma(z) [n, 2]: the best that a network can learn (Tweedie's formula)."""
        z = z.detach().requires_grad_()
        (score,) = torch.autograd.grad(self.log_density(z, sigma).sum(), z)
        return z.detach() + sigma**2 * score

    def sample(self, count: int) -> Tensor:
        """y ~ p [n, 2]."""
        k = self.weights.multinomial(count, replacement=True)
        return self.means[k] + torch.einsum("nij,ni->nj", self.axes[k], self.stds[k] * torch.randn(count, 2))


def tree() -> Mixture:
    """A tree of 63 branches, eight Gaussians each, after the fractal of Karras et al. 2024 (arXiv 2406.02507)."""
    chance, parts = random.Random(2), []

    def grow(foot: Tensor, angle: float, depth: int) -> None:
        length = 0.5 * 0.8**depth * chance.uniform(0.8, 1.2)
        axes = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        stds = torch.tensor([0.06 * length, 0.02 * 0.8**depth])
        for along in torch.linspace(0.07, 0.93, 8):
            parts.append((torch.tensor(length * 0.55**depth), foot + along * length * axes[0], axes, stds))
        for side in (1, -1) if depth < 5 else ():
            grow(foot + length * axes[0], angle + side * 0.55 * 0.9**depth * chance.uniform(0.7, 1.3), depth + 1)

    grow(torch.tensor([0.0, -1.0]), math.pi / 2, 0)
    return Mixture(*(torch.stack(column) for column in zip(*parts, strict=True)))


class Network(nn.Module):
    """D(z, sigma) = c_skip z + c_out F(c_in z, ln sigma): F's input and output have unit variance at every level."""

    def __init__(self, width: int = 128, octaves: int = 5) -> None:
        super().__init__()
        self.frequencies = 2.0 ** torch.arange(octaves)
        sizes = pairwise([3 + 4 * octaves] + 4 * [width])
        hidden = [layer for a, b in sizes for layer in (nn.Linear(a, b), nn.SiLU())]
        self.inner = nn.Sequential(*hidden, nn.Linear(width, 2))

    def forward(self, z: Tensor, sigma: Level) -> Tensor:
        sigma = torch.as_tensor(sigma).expand(len(z), 1)
        total = (sigma**2 + DATA_STD**2).sqrt()
        waves = ((z / total)[:, :, None] * self.frequencies).flatten(1)
        inner = self.inner(torch.cat([z / total, waves.sin(), waves.cos(), sigma.log() / 4], 1))
        return DATA_STD**2 / total**2 * z + sigma * DATA_STD / total * inner


def train(data: Mixture, steps: int) -> Network:
    """Minimise E |D(y + sigma n, sigma) - y|^2 / c_out^2 over samples y, which is all that the network sees of p."""
    network = Network()
    adam = torch.optim.Adam(network.parameters(), lr=3e-3, betas=(0.9, 0.99))
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        y, sigma = data.sample(1024), (-2 + 1.5 * torch.randn(1024, 1)).exp()
        error = network(y + sigma * torch.randn_like(y), sigma) - y
        adam.zero_grad()
        (error**2 * (1 / sigma**2 + 1 / DATA_STD**2)).mean().backward()
        adam.step()
        decay.step()
    return network.requires_grad_(False)


def falling(high: float, low: float, count: int) -> list[float]:
    """Numbers from `high` to `low`, each the same share of the one before."""
    return [high * (low / high) ** (i / (count - 1)) for i in range(count)]


def ddim(denoiser: Denoiser, z: Tensor, levels: list[float], x: Level = 0.0, bandwidth: float = math.inf) -> Tensor:
    """Carry z from levels[0] to 0 along dz/dsigma = (z - D) / sigma, by steps z_b = D + (z_a - D) b / a. Down to the
    last level a kernel around x may act too, dz/dsigma = sigma (z - x) / lambda^2, solved exactly after each step."""
    for a, b in pairwise([*levels, 0.0]):
        z = torch.lerp(denoiser(z, a), z, b / a)
        z = x + (z - x) * math.exp((max(b, levels[-1]) ** 2 - a**2) / (2 * bandwidth**2))
    return z


def sds(denoiser: Denoiser, x: Tensor, bandwidth: float, low: bool = False) -> Tensor:
    """Target of x.grad = w (eps_hat - n) = w (x - D(x + sigma n, sigma)) / sigma (Poole et al. 2022). As usual, t is
    uniform in [.02, .98] on Stable Diffusion's scale and w = 1 - alpha_bar; `low`, sigma is low and w constant."""
    alpha_bar = (1 - torch.linspace(0.02915, 0.10954, 1000) ** 2).cumprod(0)[torch.randint(20, 980, (len(x), 1))]
    sigma, weight = DATA_STD * (1 / alpha_bar - 1).sqrt(), DATA_STD * (1 - alpha_bar)
    if low:
        sigma, weight = (-2.3 + 1.5 * torch.randn(len(x), 1)).exp(), torch.tensor(0.1)
    return x - weight * (x - denoiser(x + sigma * torch.randn_like(x), sigma)) / sigma


def one_call(denoiser: Denoiser, x: Tensor, bandwidth: float, noise: float = 0.0) -> Tensor:
    """Mean shift by Tweedie's formula, E_pi[y] = D(x, lambda): exact if D is, though x holds less noise than D is told.
    With `noise` 1, D(x + lambda n, lambda): an input such as D was trained on, at the price of one more blur."""
    return denoiser(x + noise * bandwidth * torch.randn_like(x), bandwidth)


def paper(denoiser: Denoiser, x: Tensor, bandwidth: float) -> Tensor:
    """Mean shift by the paper's sampler: y ~ pi, about, by DDIM with the kernel in the interval from 6 to .1 lambda."""
    levels = falling(6 * bandwidth, 0.1 * bandwidth, 12)
    return ddim(denoiser, x + levels[0] * torch.randn_like(x), levels, x, bandwidth)


def distil(estimator: Callable, denoiser: Denoiser, x: Tensor, steps: int = 150, **options: float) -> Tensor:
    """Gradient descent with x.grad = x - y: all positions [steps + 1, n, 2]. Settings were chosen on this density."""
    path = [x]
    for step, bandwidth in enumerate(falling(0.15, 0.01, steps)):
        rate = 0.1 * (1 + math.cos(math.pi * step / steps))
        path.append(path[-1] - rate * (path[-1] - estimator(denoiser, path[-1], bandwidth, **options)))
    return torch.stack(path)


def draw(p: Mixture, panels: dict[str, Tensor], picture: str) -> None:
    """A panel for each path [steps, n, 2]: the density below, the points' ways, and where they end."""
    figure, colours = Figure((12, 3.35), dpi=100), ("#3f4a5a", "#2a7f86", "#c8452f", "#1f4fa3")
    grid = figure.subplots(1, 4, gridspec_kw={"left": 0, "right": 1, "bottom": 0, "top": 0.88, "wspace": 0.02})
    side, box = torch.linspace(-1.25, 1.25, 250), (-1.25, 1.25, -1.25, 1.25)
    shade = p.log_density(torch.cartesian_prod(side, side), 0.01).exp().reshape(250, 250).T ** 0.35
    for axes, colour, (title, path) in zip(grid, colours, panels.items(), strict=True):
        axes.imshow(shade, cmap="Greys", vmax=1.6 * shade.max(), origin="lower", extent=box)
        axes.add_collection(LineCollection(list(path.transpose(0, 1)), colors=colour, linewidths=0.4, alpha=0.25))
        axes.scatter(*path[-1].T, s=4, color=colour, linewidths=0, zorder=2)
        axes.set_title(f"{title}\nNLL {-p.log_density(path[-1]).mean():.2f}", fontsize=11)
        axes.axis("off")
    figure.savefig(picture)


def main(steps: str = "5000", picture: str = "one_page.png") -> None:
    """Train; print what every method finds, with the network and with the true E[y | z]; draw what the network found.
    Distances are means to the nearest: of the 400 points to 10,000 of the data, and of those to the points."""
    torch.manual_seed(0)
    p, start = tree(), torch.cartesian_prod(*[torch.linspace(-1.1, 1.1, 20)] * 2)
    network, data = train(p, int(steps)), p.sample(10_000)
    print("RMS error / sigma    of the network's E[y | z]    of y itself, the least there is, about E[y | z]")
    for sigma in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0):
        y, z = data[:2000], data[:2000] + sigma * torch.randn(2000, 2)
        errors = [(d - p.denoise(z, sigma)).square().sum(1).mean().sqrt() / sigma for d in (network(z, sigma), y)]
        print(f"at sigma = {sigma:4} {errors[0]:25.2f} {errors[1]:28.2f}")
    runs = {
        "samples of p": (0, lambda d: p.sample(400)[None]),
        "start": (0, lambda d: start[None]),
        "DDIM": (32, lambda d: ddim(d, 5 * torch.randn(400, 2), falling(5, 0.004, 32))[None]),
        "SDS": (150, lambda d: distil(sds, d, start)),
        "SDS, low noise": (150, lambda d: distil(sds, d, start, low=True)),
        "mean shift, one call": (150, lambda d: distil(one_call, d, start)),
        "mean shift, noised": (150, lambda d: distil(one_call, d, start, noise=1)),
        "mean shift, paper": (1800, lambda d: distil(paper, d, start)),
    }
    print("\n400 points           calls each      NLL  (with true E[y | z])    to the data    from the data")
    found = {name: run(network) for name, (_, run) in runs.items()}
    for name, (calls, run) in runs.items():
        nll, ideal_nll = (-p.log_density(path[-1]).mean() for path in (found[name], run(p.denoise)))
        apart = torch.cdist(found[name][-1], data)
        print(f"{name:20}{calls:11}{nll:9.2f}{ideal_nll:22.2f}{apart.amin(1).mean():15.4f}{apart.amin(0).mean():17.4f}")
    draw(p, {name: found[name] for name in ("samples of p", "DDIM", "SDS", "mean shift, one call")}, picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
