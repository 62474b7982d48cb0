"""Settings of the rule by which each step finds where to go; declared as those of properties.py."""

from bpy.props import EnumProperty, FloatProperty, IntProperty

from ..core.limits import INTERVAL_HIGH, INTERVAL_LOW, INVERSION_SCALE, SAMPLER_STEPS

# What a choice is called that leaves it to the model or to the quality.
OWN = "OWN"
# What the server calls a choice, by its name here.
KEPT = {
    "estimator": {OWN: "", "PAPER": "paper", "NOISED": "noised", "TWEEDIE": "tweedie", "EXACT": "exact"},
    "centre": {OWN: "", "INVERSION": "inversion", "RANDOM": "random", "CLEAN": "clean"},
    "kernel_time": {OWN: "", "HALF_VAR": "half_var", "SIGMA": "sigma", "WIDENED": "lam2+sigma2", "VP": "vp"},
}


class GuidanceSettings:
    """What objects and textures share of it."""

    estimator: EnumProperty(
        name="Rule",
        description="How each step finds where to go. The others cost less time, or more, than the model's own",
        items=(
            (OWN, "The Model's Own", "What suits the model"),
            ("PAPER", "Whole Sampler", "The paper's: a dozen questions or more in every step"),
            ("NOISED", "Once, with Noise", "One question in every step, at a noisy picture: quick"),
            ("TWEEDIE", "Once, without", "One question in every step, at the picture as it is: quick; draws stripes"),
            ("EXACT", "Exact Sampler", "A dozen questions in every step, without the paper's approximation"),
        ),
    )
    centre: EnumProperty(
        name="Centre",
        description="Of the whole sampler: which noise it expects in the picture that it stays close to",
        items=(
            (OWN, "The Model's Own", "What suits the model"),
            ("INVERSION", "Found Noise", "The noise that the model itself sees in the picture; half as long again"),
            ("RANDOM", "Drawn Noise", "Noise drawn in every step"),
            ("CLEAN", "No Noise", "None: the model is asked about pictures that are cleaner than it is used to"),
        ),
    )
    kernel_time: EnumProperty(
        name="Kernel Time",
        description="Of the whole sampler: how fast it is drawn back to the picture while noise leaves",
        items=(
            (OWN, "The Model's Own", "What suits the model"),
            ("HALF_VAR", "Half Variance", "As the equation is solved exactly"),
            ("SIGMA", "Noise Level", "As it may have been meant in the paper; draws back less at high noise"),
            ("WIDENED", "Widened", "The more noise, the looser"),
            ("VP", "Scaled Units", "In the units of networks that keep their variance"),
        ),
    )
    interval_low: FloatProperty(
        name="Interval Low",
        description="Of the whole sampler: below this noise it is free, in bandwidths. 0: the model's own",
        soft_min=0.0,
        soft_max=INTERVAL_LOW.most,
        precision=2,
    )
    interval_high: FloatProperty(
        name="High",
        description="The noise that the whole sampler begins with, in bandwidths. 0: the model's own",
        soft_min=0.0,
        soft_max=INTERVAL_HIGH.most,
        precision=2,
    )
    inversion_scale: FloatProperty(
        name="Inversion",
        description="How strongly the prompt pulls while noise is being found. 0: the model's own",
        soft_min=INVERSION_SCALE.least,
        soft_max=INVERSION_SCALE.most,
        precision=2,
    )
    sampler_steps: IntProperty(
        name="Sampler Steps",
        description="Questions of a sampler in every step. 0: the model's own",
        soft_min=0,
        soft_max=SAMPLER_STEPS.most,
    )
    perp_neg: EnumProperty(
        name="Oppose Views",
        description="Of models that are told the side in words: no face at the back",
        items=(
            (OWN, "The Model's Own", "On for models that are told the side in words"),
            ("ON", "On", "What other sides look like is kept out of each side. Takes twice as long"),
            ("OFF", "Off", "Sides are told apart by the prompt alone"),
        ),
    )
