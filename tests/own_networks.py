"""Networks as people write them who have never heard of this library, but tiny."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import nnx

IMAGES = jnp.array(np.random.default_rng(3).random((2, 16, 16, 3)), jnp.float32)


class DigitsCNN(nn.Module):
    """Convolutions and dense layers one after the other."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(features=4, kernel_size=(3, 3))(x))
        x = nn.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
        x = nn.relu(nn.Conv(features=6, kernel_size=(3, 3))(x))
        x = nn.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(features=8)(x))
        return nn.Dense(features=5)(x)


class ResidualBlock(nn.Module):
    """Two convolutions, and a connection around them."""

    filters: int
    strides: tuple[int, int] = (1, 1)

    @nn.compact
    def __call__(self, x, train: bool):
        norm = partial(nn.BatchNorm, use_running_average=not train)
        y = nn.Conv(self.filters, (3, 3), self.strides, use_bias=False)(x)
        y = nn.relu(norm()(y))
        y = norm()(nn.Conv(self.filters, (3, 3), use_bias=False)(y))
        if x.shape != y.shape:
            x = nn.Conv(
                self.filters, (1, 1), self.strides, use_bias=False, name="conv_proj"
            )(x)
            x = norm(name="norm_proj")(x)
        return nn.relu(x + y)


class ResNet(nn.Module):
    """The networks of ImageNet: a stem, stages of blocks, the mean, a dense layer."""

    block: type[nn.Module] = ResidualBlock

    @nn.compact
    def __call__(self, x, train: bool = True):
        x = nn.Conv(4, (7, 7), (2, 2), use_bias=False, name="conv_init")(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, name="bn_init")(x))
        x = nn.max_pool(x, (3, 3), strides=(2, 2), padding="SAME")
        for filters, strides in ((4, (1, 1)), (8, (2, 2))):
            x = self.block(filters, strides)(x, train)
        return nn.Dense(5)(x.mean(axis=(1, 2)))


class TransformerBlock(nn.Module):
    """Attention and two dense layers, each with a connection around it."""

    @nn.compact
    def __call__(self, x):
        y = nn.LayerNorm()(x)
        x = x + nn.MultiHeadDotProductAttention(num_heads=2)(y, y)
        y = nn.Dense(16)(nn.LayerNorm()(x))
        return x + nn.Dense(x.shape[-1])(nn.gelu(y))


class ViT(nn.Module):
    """Patches as tokens, in bfloat16 if asked."""

    class_token: bool = False
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(8, (4, 4), strides=(4, 4), dtype=self.dtype, name="embedding")(x)
        x = x.reshape(len(x), -1, 8)
        if self.class_token:
            token = self.param("cls", nn.initializers.normal(), (1, 1, 8))
            x = jnp.concatenate([jnp.tile(token, (len(x), 1, 1)), x], axis=1)
        x = x + self.param("positions", nn.initializers.normal(), (1, *x.shape[1:]))
        x = TransformerBlock(name="block0")(x)
        x = nn.LayerNorm(name="norm")(x)
        x = x[:, 0] if self.class_token else x.mean(1)
        return nn.Dense(5, name="head")(x)


class Twice(nn.Module):
    """The same convolution called twice."""

    @nn.compact
    def __call__(self, x):
        again = nn.Conv(3, (3, 3), name="again")
        x = again(again(x))
        return nn.Dense(5)(x.mean((1, 2)))


class Looped(nn.Module):
    """Blocks in a loop, as deep networks are compiled faster."""

    @nn.compact
    def __call__(self, x):
        class Body(nn.Module):
            @nn.compact
            def __call__(self, x, _):
                return nn.relu(nn.Conv(3, (3, 3))(x)), None

        loop = nn.scan(
            Body, variable_axes={"params": 0}, split_rngs={"params": True}, length=2
        )
        x, _ = loop(name="loop")(x, None)
        x = nn.Conv(4, (3, 3), name="after")(x)
        return nn.Dense(5)(x.mean((1, 2)))


class ModernCNN(nnx.Module):
    """An NNX network in training mode, as it is after training."""

    def __init__(self, rngs: nnx.Rngs):
        self.conv1 = nnx.Conv(3, 4, kernel_size=(3, 3), rngs=rngs)
        self.norm1 = nnx.BatchNorm(4, rngs=rngs)
        self.dropout = nnx.Dropout(rate=0.5, rngs=rngs)
        self.blocks = nnx.Sequential(ModernBlock(4, rngs), ModernBlock(4, rngs))
        self.head = nnx.Linear(4 * 8 * 8, 5, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.norm1(self.conv1(x)))
        x = self.dropout(nnx.max_pool(x, window_shape=(2, 2), strides=(2, 2)))
        x = self.blocks(x)
        return self.head(x.reshape(x.shape[0], -1))


class ModernBlock(nnx.Module):
    """A residual block."""

    def __init__(self, units: int, rngs: nnx.Rngs):
        self.conv = nnx.Conv(units, units, kernel_size=(3, 3), rngs=rngs)

    def __call__(self, x):
        return x + nnx.silu(self.conv(x))


LINEN = {
    "digits": (DigitsCNN(), {}),
    "resnet": (ResNet(), {"train": False}),
    "vit": (ViT(), {}),
    "vit_token": (ViT(class_token=True), {}),
    "vit_half": (ViT(dtype=jnp.bfloat16), {}),
    "remat": (ResNet(nn.remat(ResidualBlock, static_argnums=(2,))), {"train": False}),
}


def linen_variables(module, call):
    """Random variables, statistics included; drawn here, for compiling takes longer."""
    init = partial(module.init, **call)
    shapes = jax.eval_shape(init, jax.random.key(0), IMAGES)
    return jax.tree.map(lambda leaf: random_array(leaf.shape), shapes)


def random_array(shape):
    """Like kernels, or like scales and variances where there is one axis."""
    rng = np.random.default_rng(len(shape))
    spread = rng.uniform(0.5, 1.5, shape)
    if len(shape) > 1:
        spread = rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
    return jnp.array(spread, jnp.float32)


@functools.cache
def modern_cnn() -> ModernCNN:
    """An NNX model, which nobody is to change."""
    model = ModernCNN(nnx.Rngs(0))
    weights = nnx.state(model, (nnx.Param, nnx.BatchStat))
    nnx.update(model, jax.tree.map(lambda leaf: random_array(leaf.shape), weights))
    return model
