"""The methods that the tables compare.

Settings the paper does not state were chosen on the fractal with the ideal denoiser; spiral, pinwheel and all learned
denoisers use them as they are. The pair (first bandwidth, learning rate) trades likelihood against recall: compare rows
at similar recall.
"""

from __future__ import annotations

import math

from server.guidance.estimate import Estimator
from server.guidance.inversion import DistillationViaInversion, EvenlyUp, Flow
from server.guidance.mean_shift import Exact, Noised, Paper, Tweedie
from server.guidance.schedules import Schedule
from server.guidance.score_distillation import Annealed, LogNormal, ScoreDistillation, UniformSigma, UniformTime
from server.lab.optimisation import Run

ALWAYS = (0.0, math.inf)

# For `lab field` and the other commands that evaluate one estimator at given points.
ESTIMATORS: dict[str, Estimator] = {
    "tweedie": Tweedie(),
    "exact": Exact(steps=16),
    "noised": Noised(),
    "paper": Paper(steps=32, start="prior", interval=ALWAYS),
    "paper-sigma": Paper(steps=32, start="prior", interval=ALWAYS, kernel_time="sigma"),
    "paper-widened": Paper(steps=32, start="prior", interval=ALWAYS, kernel_time="lam2+sigma2"),
    "paper-vp": Paper(steps=32, start="prior", interval=ALWAYS, kernel_time="vp"),
    "paper-near": Paper(steps=16),
    "paper-random": Paper(steps=16, centre="random"),
    "paper-inversion": Paper(steps=16, centre="inversion"),
    "sds": ScoreDistillation(UniformTime()),
    "sds-uniform-sigma": ScoreDistillation(UniformSigma(), "one"),
    "sds-log-normal": ScoreDistillation(LogNormal(), "one"),
    "sds-annealed": ScoreDistillation(Annealed(), "sigma"),
    "sdi": DistillationViaInversion(EvenlyUp()),
    "flow": Flow(steps=16, sigma_max=5.0),
}

# Their gradients are not in units of the mean shift; bias is measured after the best rescaling.
SCALE_FREE = frozenset({"sds", "sds-uniform-sigma", "sds-log-normal"})


def _constant(value: float) -> Schedule:
    return Schedule("constant", value, value)


_ANNEALED = Schedule("geometric", 0.2, 0.01)
_DECAYING = Schedule("cosine", 0.012, 0.0)

RUNS: dict[str, Run] = {
    "sds": Run(ScoreDistillation(UniformTime(), samples=4), 150, _constant(1.0), _constant(0.02)),
    "sds-uniform-sigma": Run(ScoreDistillation(UniformSigma(), "one", samples=4), 150, _constant(1.0), _constant(0.02)),
    "sds-log-normal": Run(ScoreDistillation(LogNormal(), "one", samples=4), 150, _constant(1.0), _constant(0.02)),
    "sds-annealed": Run(ScoreDistillation(Annealed(), "sigma", samples=4), 150, _ANNEALED, _DECAYING),
    # Without guidance the inversion all but retraces the sampler, and little but its fresh noise is left to lead. Its
    # levels are the density's own, as the published grid is one of Stable Diffusion's timesteps.
    "sdi": Run(DistillationViaInversion(EvenlyUp()), 150, _ANNEALED, _DECAYING),
    # Its steps are as long as SDI's; it does not look at the bandwidth.
    "flow": Run(Flow(steps=8, sigma_max=5.0), 150, _ANNEALED, _DECAYING),
    "paper": Run(Paper(steps=12, start="prior", interval=ALWAYS), 150, Schedule("linear", 0.2, 0.02), _constant(0.01)),
    "paper-sigma": Run(
        Paper(steps=12, start="prior", interval=ALWAYS, kernel_time="sigma"),
        150,
        Schedule("linear", 0.5, 0.02),
        _constant(0.01),
    ),
    "exact": Run(Exact(steps=4), 150, _ANNEALED, _DECAYING, polish_steps=40),
    "noised": Run(Noised(), 150, _ANNEALED, _DECAYING, polish_steps=40),
    "tweedie": Run(Tweedie(), 150, _ANNEALED, _DECAYING, polish_steps=40),
    "mean-shift": Run(Tweedie(), 20, Schedule("linear", 0.2, 0.01)),
}
