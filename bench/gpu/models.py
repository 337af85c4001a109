"""DiT-XL/2 and DiM-XL/2 in PyTorch, as functions of lists of tensors, so that torch.compile compiles one block for all layers."""
import math

import torch
import torch.nn.functional as F

from scan_cuda import scan_forward

DEVICE = "cuda"
CLASSES, CHANNELS, PATCH, TIME = 1000, 4, 2, 256


def _normal(*shape):
    """What a trained network might hold; nothing starts at zero here, for zeros are faster than data."""
    return torch.nn.Parameter(0.02 * torch.randn(shape, device=DEVICE))


def modulate(x, shift, scale):
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale[:, None]) + shift[:, None]


class Dit:
    """Peebles and Xie 2022: attention and an MLP of four times the width, adaLN-Zero with six chunks, biases."""

    def __init__(self, depth=28, width=1152, heads=16):
        self.name, self.width, self.heads = "DiT-XL/2", width, heads
        d = width
        shapes = [(6 * d, d), (6 * d,), (3 * d, d), (3 * d,), (d, d), (d,), (4 * d, d), (4 * d,), (d, 4 * d), (d,)]
        self.blocks = [[_normal(*s) for s in shapes] for _ in range(depth)]

    def block(self, x, c, modulation, modulation_bias, qkv, qkv_bias, out, out_bias, up, up_bias, down, down_bias):
        chunks = F.linear(F.silu(c), modulation, modulation_bias).chunk(6, dim=-1)
        batch, tokens, d = x.shape
        h = F.linear(modulate(x, chunks[0], chunks[1]), qkv, qkv_bias)
        q, k, v = h.view(batch, tokens, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, d)
        x = x + chunks[2][:, None] * F.linear(h, out, out_bias)
        h = F.gelu(F.linear(modulate(x, chunks[3], chunks[4]), up, up_bias), approximate="tanh")
        return x + chunks[5][:, None] * F.linear(h, down, down_bias)


class Dim:
    """MODEL.md's block: adaLN-Zero with three chunks around the bidirectional Mamba mixer; the scan is scan.cu's."""

    def __init__(self, depth=28, width=1152, states=16, taps=4):
        self.name, self.width, self.states, self.taps = "DiM-XL/2", width, states, taps
        d, e, self.rank = width, 2 * width, math.ceil(width / 16)
        shapes = [(3 * d, d), (3 * d,), (2 * e, d), (2, e, taps), (2, e), (2, self.rank + 2 * states, e), (2, e, self.rank), (2, e)]
        self.blocks = []
        for _ in range(depth):
            rates = torch.arange(1, states + 1, dtype=torch.float32, device=DEVICE).log().expand(2, e, states)
            block = [_normal(*s) for s in shapes] + [torch.nn.Parameter(rates.clone()), torch.nn.Parameter(torch.ones(2, e, device=DEVICE)), _normal(d, e)]
            block[7].data.fill_(-4.0)
            self.blocks.append(block)

    def block(self, x, c, modulation, modulation_bias, in_proj, taps, conv_bias, x_proj, dt_proj, dt_bias, a_log, skip, out_proj):
        shift, scale, gate = F.linear(F.silu(c), modulation, modulation_bias).chunk(3, dim=-1)
        batch, tokens, _ = x.shape
        e, n = skip.shape[1], self.states

        # Channels before tokens, as the scan wants them: the weight on the left spares a transpose.
        xz = torch.matmul(in_proj, modulate(x, shift, scale).transpose(1, 2))
        inner, z = xz.chunk(2, dim=1)
        both = torch.stack([inner, inner.flip(-1)])
        padded = F.pad(both.float(), (self.taps - 1, 0))
        u = sum(taps[:, None, :, k, None] * padded[..., k:k + tokens] for k in range(self.taps)) + conv_bias[:, None, :, None]
        u = F.silu(u).to(xz.dtype)

        narrow = torch.matmul(x_proj[:, None], u)
        low, b, c_ = narrow.split([self.rank, n, n], dim=2)
        delta = F.softplus(torch.matmul(dt_proj[:, None], low).float() + dt_bias[:, None, :, None]).to(u.dtype)
        flat = lambda t: t.reshape(2 * batch, t.shape[2], tokens).contiguous()
        y, _ = scan_forward(flat(u), flat(delta), -torch.exp(a_log.float()), flat(b), flat(c_), skip.float(), torch.is_grad_enabled())
        y = y.view(2, batch, e, tokens)
        y = (y[0] + y[1].flip(-1)) * F.silu(z)
        return x + gate[:, None] * F.linear(y.transpose(1, 2), out_proj)


class Network:
    """What both models share: patches, condition, final layer; 2C outputs."""

    def __init__(self, model, tokens, compiled=True, **options):
        d, self.model, self.side = model.width, model, math.isqrt(tokens)
        patch = PATCH * PATCH * CHANNELS
        self.shared = [_normal(*s) for s in (
            (d, patch), (d,), (d, TIME), (d,), (d, d), (d,), (CLASSES + 1, d), (2 * d, d), (2 * d,), (2 * patch, d), (2 * patch,))]
        self.positions = 0.5 * torch.randn((tokens, d), device=DEVICE)
        self.block = torch.compile(model.block, fullgraph=True, **options) if compiled else model.block
        self.parameters = self.shared + [p for block in model.blocks for p in block]

    def __call__(self, x, t, labels):
        patch, patch_bias, t1, t1_bias, t2, t2_bias, classes, modulation, modulation_bias, last, last_bias = self.shared
        side, batch = self.side, x.shape[0]
        h = x.view(batch, side, PATCH, side, PATCH, CHANNELS).transpose(2, 3).reshape(batch, side * side, -1)
        h = F.linear(h, patch, patch_bias) + self.positions
        angles = t[:, None] * torch.exp(-math.log(10000) / (TIME // 2) * torch.arange(TIME // 2, device=t.device))
        c = F.linear(F.silu(F.linear(torch.cat([angles.cos(), angles.sin()], -1), t1, t1_bias)), t2, t2_bias) + classes[labels]
        for weights in self.model.blocks:
            h = self.block(h, c, *weights)
        shift, scale = F.linear(F.silu(c), modulation, modulation_bias).chunk(2, dim=-1)
        return F.linear(modulate(h, shift, scale), last, last_bias)
