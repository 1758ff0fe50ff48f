"""From settings to what a training step minimises, and how it changes the weights."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxdissect import networks
from jaxdissect.base import Edit, Params
from jaxdissect.errors import BadInput
from jaxdissect.experiments.train.settings import (
    FieldsSettings,
    FocusedDropoutSettings,
    InputGradientSettings,
    OptimSettings,
    RegularizeSettings,
)
from jaxdissect.regularizers import (
    block_norm,
    dropouts,
    focused_dropout,
    input_gradient,
    receptive_fields,
)
from jaxdissect.settings import NetworkSettings
from jaxdissect.training import Objective, objective, optimizers

MODES = {
    "paper": focused_dropout.PAPER,
    "algorithm1": focused_dropout.ALGORITHM1,
    "per_element": focused_dropout.PER_ELEMENT,
}


def make_objective(
    network: networks.Network,
    described: NetworkSettings,
    config: RegularizeSettings,
    precision: str,
) -> Objective:
    """The cross-entropy and all regularisers that are on.

    Raises:
        BadInput: naming the setting that is not allowed.
    """
    fields = field_layers(network, config.fields)

    def apply(key, params, images, edits):
        if precision == "bfloat16":
            params = in_bfloat16(params)
        taps = tuple(fields.values())
        return networks.train_run(key, network, params, images, edits=edits, taps=taps)

    return Objective(
        apply,
        draw_edits=make_edits(network, config),
        penalize=make_penalty(config.input_gradient, described),
        penalty_weight=config.input_gradient.weight,
        weight_terms=make_weight_terms(network, config),
        activation_terms=make_activation_terms(fields, config),
    )


def make_optimizer(
    config: OptimSettings, *, num_steps: int, steps_per_epoch: int
) -> optax.GradientTransformation:
    """The optimizer with its learning-rate schedule.

    Raises:
        BadInput: naming the setting that is not allowed.
    """
    warmup_steps = round(config.warmup * num_steps)
    if config.decay == "cosine":
        schedule = optimizers.warmup_cosine(
            config.lr, warmup_steps=warmup_steps, num_steps=num_steps
        )
    elif config.decay == "epoch_cosine":
        schedule = optimizers.epoch_cosine(
            config.lr, period=config.period, steps_per_epoch=steps_per_epoch
        )
    else:
        schedule = optimizers.epoch_drops(
            config.lr,
            drop_at=config.drop_at,
            drop_by=config.drop_by,
            warmup_steps=warmup_steps,
            steps_per_epoch=steps_per_epoch,
        )
    if config.optimizer == "adamw":
        return optimizers.adamw(schedule, weight_decay=config.weight_decay)
    return optimizers.sgd(
        schedule,
        momentum=config.momentum,
        nesterov=config.nesterov,
        weight_decay=config.weight_decay,
    )


def in_bfloat16(params: Params) -> Params:
    """Weights rounded to bfloat16, running statistics as they are."""
    return {
        stage: {
            **variables,
            "params": jax.tree.map(
                lambda x: x.astype(jnp.bfloat16), variables["params"]
            ),
        }
        for stage, variables in params.items()
    }


def make_edits(
    network: networks.Network, config: RegularizeSettings
) -> Callable[[Array, int], objective.StepEdits]:
    """What is done to activations in every step."""
    block = config.dropblock
    dropped: dict[str, Edit] = {}
    for section, drop in (
        (config.dropout, dropouts.dropout),
        (config.spatial_dropout, dropouts.spatial_dropout),
        (block, partial(dropouts.dropblock, block_size=block.block_size)),
    ):
        if section.rate:
            for layer in layers_of(network, section.layers):
                edit = _with_rate(drop, section.rate)
                dropped[layer] = _after(dropped.get(layer), edit)
    rule = make_rule(config.focused_dropout)
    if rule.rate:
        named = config.focused_dropout.layers
        layers = layers_of(network, named or (networks.penultimate_group(network),))
        return partial(objective.draw_focused, rule, layers, dropped)
    still = objective.StepEdits(dropped, jnp.ones(()))
    return lambda key, batch_size: still


def make_rule(config: FocusedDropoutSettings) -> focused_dropout.FocusedDropout:
    """A preset with whatever else was given.

    Raises:
        BadInput: a value that is not allowed.
    """
    given = {name: getattr(config, name) for name in ("low", "high", "decay_factor")}
    changed = {name: value for name, value in given.items() if value is not None}
    rule = MODES[config.mode]._replace(rate=config.rate, **changed)
    return focused_dropout.check_focused_dropout(rule)


def layers_of(network: networks.Network, named: tuple[str, ...]) -> tuple[str, ...]:
    """Names of layers, `every` standing for all of convolutions and residual blocks.

    Raises:
        BadInput: unknown layer, or the logits, which are no maps of units.
    """
    every = networks.unit_layers(network)
    layers = [x for name in named for x in (every if name == "every" else (name,))]
    for layer in layers:
        if networks.layer_index(network, layer) == len(network) - 1:
            raise BadInput(
                f"`layer` is {layer!r}, which has no maps of units; layers that have "
                f"are {', '.join(networks.layer_names(network)[:-1])}"
            )
    return tuple(layers)


def make_penalty(config: InputGradientSettings, described: NetworkSettings) -> Any:
    """The estimator of the input gradient's norm, in the units asked for."""
    if not config.weight:
        return objective.unpenalized
    estimate = input_gradient.double_backprop
    if config.estimator != "double_backprop":
        estimate = partial(
            input_gradient.finite_difference, step=config.step, sides=config.estimator
        )
    if config.units == "raw":
        return estimate
    std = jnp.asarray(described.std)
    return lambda losses, images: estimate(lambda x: losses(x * std), images / std)


def make_weight_terms(
    network: networks.Network, config: RegularizeSettings
) -> Mapping[str, Callable[[Params], Array]]:
    """Terms of the loss that depend on the weights alone."""
    norm = config.block_norm
    if not norm.weight:
        return {}
    if networks.inner_layers(network):
        raise BadInput(
            f"`block_norm.weight` is {norm.weight}; it must be 0 for a ResNet, because "
            "block norms are not defined for residual blocks"
        )
    kernels = [f"{layer}.conv" for layer in networks.conv_layers(network)]

    def term(weights: Params) -> Array:
        return norm.weight * block_norm.block_norm(
            [weights[stage]["kernel"] for stage in kernels],
            num_groups=norm.groups,
            p=norm.p,
            q=norm.q,
            leftovers=norm.leftovers,
        )

    return {"block_norm": term}


def field_layers(network: networks.Network, config: FieldsSettings) -> dict[str, str]:
    """{layer: where its pre-activations are} of the soft receptive fields in use."""
    if not (config.group or config.spatial):
        return {}
    layers = layers_of(network, config.layers or networks.conv_layers(network)[-1:])
    return {layer: networks.pre_activation(network, layer) for layer in layers}


def make_activation_terms(
    fields: Mapping[str, str], config: RegularizeSettings
) -> Mapping[str, Callable[[Array, Mapping[str, Array]], Array]]:
    """Terms of the loss that depend on activations."""

    def soft(taps: Mapping[str, Array]) -> list[Array]:
        return [
            receptive_fields.soft_receptive_fields(taps[name].astype(jnp.float32))
            for name in fields.values()
        ]

    def group(key: Array, taps: Mapping[str, Array]) -> Array:
        keys = jax.random.split(key, len(fields))
        losses = [
            receptive_fields.group_activation_loss(
                k, maps, num_groups=config.block_norm.groups
            )
            for k, maps in zip(keys, soft(taps), strict=True)
        ]
        return config.fields.group * jnp.stack(losses).sum()

    def spatial(key: Array, taps: Mapping[str, Array]) -> Array:
        del key
        losses = [receptive_fields.spatial_loss(maps) for maps in soft(taps)]
        return config.fields.spatial * jnp.stack(losses).sum()

    terms = {}
    if config.fields.group:
        terms["group_activation"] = group
    if config.fields.spatial:
        terms["spatial"] = spatial
    return terms


def _with_rate(drop: Callable[..., Array], rate: float) -> Edit:
    return lambda key, acts: drop(key, acts, rate=rate)


def _after(first: Edit | None, second: Edit) -> Edit:
    if first is None:
        return second

    def both(key: Array, acts: Array) -> Array:
        key_first, key_second = jax.random.split(key)
        return second(key_second, first(key_first, acts))

    return both
