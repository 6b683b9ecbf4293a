"""Small transformers without a package of networks: their tokens are those of vision transformers and of Swin."""

import torch
from torch import nn

from seisdream.models.network import Network
from seisdream.models.preprocessing import Preprocessing

GREY = Preprocessing("grey", scale=1 / 127.5, mean=1.0)


class Block(nn.Module):
    """Attention over all tokens, and a layer at each token."""

    def __init__(self, width, n_heads=2):
        super().__init__()
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm = nn.Identity()
        self.proj = nn.Linear(width, width)

    def forward(self, tokens):
        batch, n_tokens, width = tokens.shape
        split = self.qkv(self.norm(tokens)).reshape(batch, n_tokens, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        weights = (self.q_norm(split[0]) @ split[1].transpose(-2, -1)).softmax(-1)
        return tokens + self.proj((weights @ split[2]).transpose(1, 2).reshape(batch, n_tokens, width))


class VisionTransformer(nn.Module):
    """Class token, registers, and patches of 8 × 8; positions are not encoded, so that it takes any size."""

    def __init__(self, n_registers=0, n_blocks=3, n_classes=4, side=None):
        super().__init__()
        torch.manual_seed(0)
        self.side = side
        self.patch_embed = nn.Conv2d(1, 6, 8, stride=8)
        self.cls_token = nn.Parameter(torch.randn(1, 1, 6))
        self.registers = nn.Parameter(torch.randn(1, n_registers, 6))
        self.blocks = nn.Sequential(*[Block(6) for _ in range(n_blocks)])
        self.head = nn.Linear(6, n_classes)

    def forward(self, image):
        if self.side and image.shape[2:] != (self.side, self.side):
            raise ValueError(f"the side must be {self.side}")
        patches = self.patch_embed(image).flatten(2).transpose(1, 2)
        before = [token.expand(len(image), -1, -1) for token in (self.cls_token, self.registers)]
        return self.head(self.blocks(torch.cat([*before, patches], 1))[:, 0])


class WindowBlock(nn.Module):
    """Attention within windows of 4 × 4 patches, of channels-last maps; like Swin of transformers it keeps state."""

    def __init__(self, width):
        super().__init__()
        self.window = 4
        self.proj = nn.Linear(width, width)
        self.mlp = nn.Linear(width, width)

    def forward(self, values):
        batch, rows, columns, width = values.shape
        self.window = min(self.window, rows, columns)
        side = self.window
        windows = values.reshape(batch, rows // side, side, columns // side, side, width).permute(0, 1, 3, 2, 4, 5)
        windows = self.proj(windows.reshape(-1, side * side, width))
        windows = windows + windows.mean(1, keepdim=True)
        windows = windows.reshape(batch, rows // side, columns // side, side, side, width).permute(0, 1, 3, 2, 4, 5)
        values = values + windows.reshape(batch, rows, columns, width)
        return values + self.mlp(values.flatten(1, 2)).reshape(values.shape)


class WindowedTransformer(nn.Module):
    """Two stages of blocks on patches of 4 × 4, merged in pairs between them, as in Swin."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.patch_embed = nn.Conv2d(1, 6, 4, stride=4)
        self.first = WindowBlock(6)
        self.merge = nn.Linear(24, 8)
        self.second = WindowBlock(8)

    def forward(self, image):
        values = self.first(self.patch_embed(image).permute(0, 2, 3, 1))
        corners = [values[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        return self.second(self.merge(torch.cat(corners, -1)))


def vision_transformer(**settings):
    return Network("vit", VisionTransformer(**settings), GREY, classes=("a", "b", "c", "d"))


def windowed_transformer():
    return Network("swin", WindowedTransformer(), GREY)
